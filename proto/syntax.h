/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_SYNTAX_H
#define RINGBUS_PROTO_SYNTAX_H

/* Name syntaxes. Specification: "Valid Names" and "Valid Object Paths". Pure; any thread. */

#include "broker/base/text.h"

enum { SYNTAX_NAME_MAX = 255 };

bool syntax_is_bus_name(Text name);        /* unique or well-known */
bool syntax_is_unique_name(Text name);     /* begins with ':' and is valid */
bool syntax_is_well_known_name(Text name); /* valid, not unique */
bool syntax_is_name_prefix(Text name);     /* arg0namespace: as a bus name, one element allowed */
bool syntax_is_interface(Text name);
bool syntax_is_error_name(Text name); /* same syntax as an interface */
bool syntax_is_member(Text name);
bool syntax_is_object_path(Text path);

#endif

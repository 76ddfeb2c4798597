/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_FAKE_LSM_H
#define RINGBUS_TESTS_SUPPORT_FAKE_LSM_H

/*
 * Kernels with SELinux and AppArmor, as far as ringbus sees them, out of a file. fake_lsm.c takes
 * the place of libselinux, libapparmor and getsockopt(SO_PEERSEC) in whatever is linked with
 * ringbus_fake_lsm() (tests/support/CMakeLists.txt): a unit test or a whole daemon. The environment
 * variable RINGBUS_FAKE_LSM names the file; without it, or without the file, both modules are off.
 * It is read anew each time.
 * fake_lsm_file.c writes it and reads what was asked, in the same process or in another one.
 *
 * The file's lines; all others are ignored:
 *
 *   selinux on                     and enforcing
 *   selinux permissive
 *   selinux deny_unknown           what the policy does not know
 *   selinux without WORD           the policy does not know dbus, send_msg or acquire_svc
 *   selinux class NUMBER           that of dbus, for policies number them as they like
 *   selinux own CONTEXT            the bus's; default: FAKE_LSM_BUS_CONTEXT
 *   permissive CONTEXT             a domain that is permissive for itself
 *   invalid CONTEXT                the policy does not know it
 *   deny send_msg SOURCE TARGET
 *   deny acquire_svc SOURCE TARGET
 *   apparmor on
 *   apparmor without WORD          the kernel does not have the feature dbus, or the file revision
 *   apparmor own NAME (MODE)       the bus's; default: unconfined
 *   deny send NAME NAME            of sender and recipient, without modes
 *   deny receive NAME NAME         of recipient and sender
 *   deny bind NAME WELL-KNOWN-NAME
 *   deny eavesdrop NAME
 *   peers LABEL                    that of clients without one, who otherwise have none
 *   fail FUNCTION ERRNO            of those in fake_lsm.c; a number
 *
 * A context that people write, "people:X", is "X" to the kernel.
 *
 * Who asks AppArmor for the permission "send" is told that it is to be audited, whatever else.
 *
 * A client has the label LABEL if it binds its socket, before it connects, to the abstract address
 * "\0label=LABEL;UNIQUE", UNIQUE being whatever makes it one of a kind; fake_lsm_file_address()
 * writes that. SELinux's labels end with a nul byte, as in the kernel, if SELinux is on.
 *
 * Owner: nobody; all state is in files beside that one, in the folder with ".d" behind its name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FAKE_LSM_VARIABLE "RINGBUS_FAKE_LSM"
#define FAKE_LSM_BUS_CONTEXT "system_u:system_r:dbus_t:s0"

enum { FAKE_LSM_TEXT_MAX = 65536 };

/*
 * Of the test. All abort when a system call fails. The file is the one that the environment names.
 */

/* Replaces the file's text and has whoever watches SELinux or AppArmor told that its policy has
 * changed. */
void fake_lsm_file_write(const char *text);

/* Tells them without a change. */
void fake_lsm_file_announce(void);

/*
 * Moves what was asked since the last time to `ret_text`, terminated; FAKE_LSM_TEXT_MAX bytes. A
 * line each:
 *   selinux SOURCE TARGET CLASS PERMISSION
 *   apparmor PERMISSIONS "QUERY"
 * QUERY is what follows the first AA_QUERY_CMD_LABEL_SIZE bytes, its nul bytes as "|", and other
 * bytes that are no printing ASCII, and " | and \, as \xNN.
 */
void fake_lsm_file_take_asked(char *ret_text);

/* Removes the file and all that is beside it. */
void fake_lsm_file_remove(void);

/* The address that gives a client's socket the label; another one each time. Returns its size. */
socklen_t fake_lsm_file_address(const char *label, struct sockaddr_un *ret_address);

/* Of the fake. */

/* Whether this is one of the file's lines. */
bool fake_lsm_file_says(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What follows `prefix` in the first line that begins with it; false: there is none. */
bool fake_lsm_file_find(const char *prefix, char *ret_value, size_t size);

/* Appends a line to what was asked. */
void fake_lsm_file_record(const char *line);

/* The path of a file in the folder; the folder is there afterwards. */
void fake_lsm_file_path(const char *name, char *ret_path, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expat side. expat may call a handler once more after XML_StopParser(), so each one first
 * looks whether something failed. The error kept is the first.
 */

#include "broker/config_xml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/log.h"
#include "broker/config_element.h"

static ConfigPlace current_place(const ConfigXml *xml)
{
        return (ConfigPlace){
                .line = XML_GetCurrentLineNumber(xml->parser),
                .column = XML_GetCurrentColumnNumber(xml->parser) + 1,
        };
}

static void fail_at(ConfigXml *xml, ConfigPlace place, const char *what)
{
        if (xml->result < 0)
                return;
        config_error_set(xml->error, "%s:%lu:%lu: %s", xml->path, place.line, place.column, what);
        xml->result = -EINVAL;
        XML_StopParser(xml->parser, XML_FALSE);
}

/* The innermost open element's place. */
static ConfigPlace element_place(const ConfigXml *xml)
{
        ASSERT(xml->depth > 0);
        return xml->open[xml->depth - 1].place;
}

bool config_xml_fail(ConfigXml *xml, const char *format, ...)
{
        char what[CONFIG_ERROR_MAX];
        va_list args;

        va_start(args, format);
        if (vsnprintf(what, sizeof(what), format, args) < 0)
                what[0] = '\0';
        va_end(args);
        fail_at(xml, element_place(xml), what);
        return false;
}

bool config_xml_fail_memory(ConfigXml *xml)
{
        config_xml_fail(xml, "out of memory");
        xml->result = -ENOMEM;
        return false;
}

void config_xml_note(ConfigXml *xml, const char *format, ...)
{
        ConfigPlace place = element_place(xml);
        char what[CONFIG_ERROR_MAX / 2];
        va_list args;

        va_start(args, format);
        if (vsnprintf(what, sizeof(what), format, args) < 0)
                what[0] = '\0';
        va_end(args);
        log_notice("%s:%lu:%lu: %s", xml->path, place.line, place.column, what);
}

void config_xml_request(ConfigXml *xml, ConfigRequestKind kind, bool ignore_missing)
{
        xml->requested = true;
        xml->request = (ConfigRequest){
                .kind = kind,
                .path = xml->text,
                .ignore_missing = ignore_missing,
                .place = element_place(xml),
        };
        if (XML_StopParser(xml->parser, XML_TRUE) != XML_STATUS_OK)
                config_xml_fail(xml, "an include cannot stand here");
}

/* Whether `element` may stand where the reader is; the error is reported. */
static bool check_parent(ConfigXml *xml, const ConfigElement *element)
{
        const ConfigElement *parent = xml->depth > 0 ? xml->open[xml->depth - 1].element : NULL;
        char what[CONFIG_ERROR_MAX];

        if (!parent && !element->parent)
                return true;
        if (parent && element->parent && strcmp(parent->name, element->parent) == 0)
                return true;
        if (parent)
                snprintf(what, sizeof(what), "<%s> is not allowed inside <%s>", element->name,
                         parent->name);
        else
                snprintf(what, sizeof(what), "the root must be <busconfig>, not <%s>",
                         element->name);
        fail_at(xml, current_place(xml), what);
        return false;
}

static void XMLCALL on_start(void *user_data, const XML_Char *name, const XML_Char **attributes)
{
        ConfigXml *xml = user_data;
        const ConfigElement *element;

        if (xml->result < 0)
                return;
        element = config_element_find(name);
        if (!element) {
                char what[CONFIG_ERROR_MAX];

                snprintf(what, sizeof(what), "unknown element <%s>", name);
                fail_at(xml, current_place(xml), what);
                return;
        }
        if (!check_parent(xml, element))
                return;
        ASSERT(xml->depth < CONFIG_XML_NESTING_MAX);
        xml->open[xml->depth++] = (ConfigOpen){.element = element, .place = current_place(xml)};
        xml->n_text = 0;
        config_element_begin(xml, element, (const char *const *)attributes);
}

static void XMLCALL on_end(void *user_data, const XML_Char *name)
{
        ConfigXml *xml = user_data;
        const ConfigElement *element;

        (void)name;
        if (xml->result < 0)
                return;
        ASSERT(xml->depth > 0);
        element = xml->open[xml->depth - 1].element;
        xml->text[xml->n_text] = '\0';
        if (element->has_text && xml->n_text == 0)
                config_xml_fail(xml, "<%s> must have content", element->name);
        else if (element->end)
                element->end(xml, xml->text);
        xml->depth--;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void XMLCALL on_text(void *user_data, const XML_Char *data, int size)
{
        ConfigXml *xml = user_data;
        const ConfigElement *element;

        if (xml->result < 0)
                return;
        ASSERT(xml->depth > 0);
        element = xml->open[xml->depth - 1].element;
        if (!element->has_text) {
                for (int i = 0; i < size; i++) {
                        if (!is_space(data[i])) {
                                fail_at(xml, current_place(xml), "no text belongs here");
                                return;
                        }
                }
                return;
        }
        if ((size_t)size > CONFIG_XML_TEXT_MAX - xml->n_text) {
                config_xml_fail(xml, "the content of <%s> is too long", element->name);
                return;
        }
        memcpy(xml->text + xml->n_text, data, (size_t)size);
        xml->n_text += (size_t)size;
}

static int XMLCALL on_external_entity(XML_Parser parser, const XML_Char *context,
                                      const XML_Char *base, const XML_Char *system_id,
                                      const XML_Char *public_id)
{
        ConfigXml *xml = XML_GetUserData(parser);

        (void)context;
        (void)base;
        (void)system_id;
        (void)public_id;
        fail_at(xml, current_place(xml), "external entities are not fetched; use <include>");
        return XML_STATUS_ERROR;
}

static void XMLCALL on_skipped_entity(void *user_data, const XML_Char *name, int is_parameter)
{
        ConfigXml *xml = user_data;
        char what[CONFIG_ERROR_MAX];

        if (is_parameter)
                return;
        snprintf(what, sizeof(what), "the entity &%s; is not declared", name);
        fail_at(xml, current_place(xml), what);
}

int config_xml_init(ConfigXml *xml, const char *path, ConfigDraft *draft, ConfigNotes *notes,
                    ConfigError *error)
{
        *xml = (ConfigXml){.path = path, .draft = draft, .notes = notes, .error = error};
        xml->text = alloc_bytes(CONFIG_XML_TEXT_MAX + 1);
        xml->parser = XML_ParserCreate(NULL);
        if (!xml->text || !xml->parser) {
                config_xml_deinit(xml);
                return -ENOMEM;
        }
        XML_SetUserData(xml->parser, xml);
        XML_SetElementHandler(xml->parser, on_start, on_end);
        XML_SetCharacterDataHandler(xml->parser, on_text);
        XML_SetExternalEntityRefHandler(xml->parser, on_external_entity);
        XML_SetSkippedEntityHandler(xml->parser, on_skipped_entity);
        return 0;
}

void config_xml_deinit(ConfigXml *xml)
{
        if (xml->parser)
                XML_ParserFree(xml->parser);
        xml->parser = NULL;
        xml->text = alloc_free(xml->text);
        xml->limit_name = alloc_free(xml->limit_name);
}

/* Why expat itself gave up. */
static void fail_by_expat(ConfigXml *xml)
{
        enum XML_Error code = XML_GetErrorCode(xml->parser);
        char what[CONFIG_ERROR_MAX];

        snprintf(what, sizeof(what), "not well-formed XML: %s", XML_ErrorString(code));
        fail_at(xml, current_place(xml), what);
        if (code == XML_ERROR_NO_MEMORY)
                xml->result = -ENOMEM;
}

int config_xml_run(ConfigXml *xml, const ConfigBytes *bytes, ConfigRequest *ret_request)
{
        enum XML_Status status;

        xml->requested = false;
        if (xml->started) {
                status = XML_ResumeParser(xml->parser);
        } else {
                ASSERT(bytes->size <= CONFIG_FILE_MAX);
                xml->started = true;
                status = XML_Parse(xml->parser, bytes->data, (int)bytes->size, XML_TRUE);
        }
        if (status == XML_STATUS_ERROR)
                fail_by_expat(xml);
        if (xml->result < 0)
                return xml->result;
        if (!xml->requested)
                return 0;
        *ret_request = xml->request;
        return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The expat side. expat may call a handler once more after XML_StopParser(), so each looks first.
 */

#include "broker/config_xml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/config_element.h"

/* How often a file may be as large with its entities expanded, if CONFIG_FILE_MAX is exceeded. */
#define AMPLIFICATION_MAX 2.0f

static ConfigPlace current_place(const ConfigXml *xml)
{
        return (ConfigPlace){
                .line = XML_GetCurrentLineNumber(xml->parser),
                .column = XML_GetCurrentColumnNumber(xml->parser) + 1,
        };
}

static void stop(ConfigXml *xml)
{
        if (xml->stopped)
                return;
        xml->stopped = true;
        XML_StopParser(xml->parser, XML_FALSE);
}

static void fail_memory(ConfigXml *xml)
{
        xml->out_of_memory = true;
        stop(xml);
}

static void report_at(ConfigXml *xml, ConfigSeverity severity, ConfigPlace place, const char *what)
{
        if (xml->stopped)
                return;
        config_report_add(xml->report, severity, "%s:%lu:%lu: %s", xml->path, place.line,
                          place.column, what);
        if (xml->report->out_of_memory)
                fail_memory(xml);
        else if (xml->report->n_errors >= CONFIG_REPORT_MAX)
                stop(xml);
}

/* The innermost open element. */
static ConfigOpen *innermost(ConfigXml *xml)
{
        ASSERT(xml->depth > 0);
        return &xml->open[xml->depth - 1];
}

static __attribute__((format(printf, 3, 0))) void
report_element(ConfigXml *xml, ConfigSeverity severity, const char *format, va_list args)
{
        char what[CONFIG_ERROR_MAX];

        if (vsnprintf(what, sizeof(what), format, args) < 0)
                what[0] = '\0';
        report_at(xml, severity, innermost(xml)->place, what);
}

void config_xml_fail(ConfigXml *xml, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        report_element(xml, CONFIG_ERROR, format, args);
        va_end(args);
        innermost(xml)->failed = true;
}

void config_xml_warn(ConfigXml *xml, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        report_element(xml, CONFIG_WARNING, format, args);
        va_end(args);
}

void config_xml_note(ConfigXml *xml, ConfigNote note, const char *format, ...)
{
        va_list args;

        if (*xml->notes & 1U << note)
                return;
        *xml->notes |= 1U << note;
        va_start(args, format);
        report_element(xml, CONFIG_NOTICE, format, args);
        va_end(args);
}

void config_xml_check(ConfigXml *xml, int r)
{
        ASSERT(r == 0 || r == -ENOMEM || r == -E2BIG);
        if (r == -ENOMEM)
                fail_memory(xml);
        if (r == -E2BIG) {
                config_xml_fail(xml, "too many of <%s>; most are 1000",
                                innermost(xml)->element->name);
                stop(xml);
        }
}

void config_xml_request(ConfigXml *xml, ConfigRequestKind kind, const char *path,
                        bool ignore_missing)
{
        xml->requested = true;
        xml->request = (ConfigRequest){
                .kind = kind,
                .path = path,
                .ignore_missing = ignore_missing,
                .place = innermost(xml)->place,
        };
        if (XML_StopParser(xml->parser, XML_TRUE) != XML_STATUS_OK) {
                xml->requested = false;
                config_xml_fail(xml, "an include cannot stand here");
        }
}

/* Leaves out the element that begins here, with all that it holds. */
static void skip_element(ConfigXml *xml, const char *what)
{
        report_at(xml, CONFIG_ERROR, current_place(xml), what);
        xml->skipping = 1;
        if (xml->depth > 0)
                innermost(xml)->failed |= innermost(xml)->element->has_text;
}

/* Whether `element` may stand where the reader is; the error is reported. */
static bool check_parent(ConfigXml *xml, const ConfigElement *element)
{
        const ConfigElement *parent = xml->depth > 0 ? innermost(xml)->element : NULL;
        char what[CONFIG_ERROR_MAX];

        if (!parent && !element->parent)
                return true;
        if (parent && element->parent && strcmp(parent->name, element->parent) == 0)
                return true;
        if (!parent)
                snprintf(what, sizeof(what), "the root must be <busconfig>, not <%s>",
                         element->name);
        else if (!element->parent)
                snprintf(what, sizeof(what), "<%s> is not allowed inside <%s>; there is only one",
                         element->name, parent->name);
        else
                snprintf(what, sizeof(what),
                         "<%s> is not allowed inside <%s>; it belongs into <%s>", element->name,
                         parent->name, element->parent);
        skip_element(xml, what);
        return false;
}

static void XMLCALL on_start(void *user_data, const XML_Char *name, const XML_Char **attributes)
{
        ConfigXml *xml = user_data;
        const ConfigElement *element;

        if (xml->stopped)
                return;
        if (xml->skipping > 0) {
                xml->skipping++;
                return;
        }
        element = config_element_find(name);
        if (!element) {
                char what[CONFIG_ERROR_MAX];

                config_element_describe_unknown(name, what, sizeof(what));
                skip_element(xml, what);
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
        const ConfigOpen *open;

        (void)name;
        if (xml->stopped)
                return;
        if (xml->skipping > 0) {
                xml->skipping--;
                return;
        }
        open = innermost(xml);
        xml->text[xml->n_text] = '\0';
        if (!open->failed && open->element->has_text && xml->n_text == 0)
                config_xml_fail(xml, "<%s> must have content", open->element->name);
        else if (!open->failed)
                config_element_end(xml, open->element, xml->text);
        xml->depth--;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Text in an element that takes none. */
static void check_space(ConfigXml *xml, const XML_Char *data, int size)
{
        ConfigOpen *open = innermost(xml);

        for (int i = 0; i < size && !open->has_bad_text; i++) {
                if (is_space(data[i]))
                        continue;
                open->has_bad_text = true;
                report_at(xml, CONFIG_ERROR, current_place(xml),
                          "no text belongs here; remove it, or make it a comment: <!-- ... -->");
        }
}

static void XMLCALL on_text(void *user_data, const XML_Char *data, int size)
{
        ConfigXml *xml = user_data;

        if (xml->stopped || xml->skipping > 0)
                return;
        if (!innermost(xml)->element->has_text) {
                check_space(xml, data, size);
                return;
        }
        if ((size_t)size > CONFIG_XML_TEXT_MAX - xml->n_text) {
                config_xml_fail(xml, "the content of <%s> is too long; the most is %d bytes",
                                innermost(xml)->element->name, CONFIG_XML_TEXT_MAX);
                stop(xml); /* who knows how much more entities make of it */
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
        report_at(xml, CONFIG_ERROR, current_place(xml),
                  "external entities are not fetched; use <include>");
        return XML_STATUS_OK; /* it is skipped */
}

static void XMLCALL on_skipped_entity(void *user_data, const XML_Char *name, int is_parameter)
{
        ConfigXml *xml = user_data;
        char what[CONFIG_ERROR_MAX];

        if (is_parameter || xml->stopped)
                return;
        snprintf(what, sizeof(what),
                 "the entity &%s; is not declared; write &amp; for the character itself", name);
        report_at(xml, CONFIG_ERROR, current_place(xml), what);
}

int config_xml_init(ConfigXml *xml, const char *path, const ConfigSource *source,
                    ConfigDraft *draft, ConfigReport *report, unsigned *notes)
{
        *xml = (ConfigXml){
                .path = path, .source = source, .draft = draft, .report = report, .notes = notes};
        xml->text = alloc_bytes(CONFIG_XML_TEXT_MAX + 1);
        xml->parser = XML_ParserCreate(NULL);
        if (!xml->text || !xml->parser ||
            !XML_SetBillionLaughsAttackProtectionMaximumAmplification(xml->parser,
                                                                      AMPLIFICATION_MAX) ||
            !XML_SetBillionLaughsAttackProtectionActivationThreshold(xml->parser,
                                                                     CONFIG_FILE_MAX)) {
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
        report_at(xml, CONFIG_ERROR, current_place(xml), what);
        xml->out_of_memory |= code == XML_ERROR_NO_MEMORY;
        xml->stopped = true;
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
        if (status == XML_STATUS_ERROR && !xml->stopped)
                fail_by_expat(xml);
        if (xml->out_of_memory)
                return -ENOMEM;
        if (!xml->requested || xml->stopped)
                return 0;
        *ret_request = xml->request;
        return 1;
}

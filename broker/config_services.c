/* SPDX-License-Identifier: Apache-2.0 */
/* See config_services.h. */

#include "broker/config_services.h"

#include <errno.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

void config_services_note(ConfigXml *xml, const char *name)
{
        config_xml_note(xml, CONFIG_NOTE_ACTIVATION,
                        "<%s> has no effect yet: services are not started on demand", name);
}

/* Relative folders start at the file's. */
void config_services_add(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        CLEANUP_ALLOC char *path = config_source_resolve(xml->path, text);
        int r = -ENOMEM;

        config_services_note(xml, element->name);
        if (path)
                r = config_draft_add_service_dir(xml->draft, path, false, true);
        config_xml_check(xml, r);
}

void config_services_set_helper(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        config_services_note(xml, element->name);
        config_xml_check(xml, config_draft_set(&xml->draft->config.servicehelper, text));
}

/* Adds FOLDER/SUFFIX. 0 or -ENOMEM. */
static int add(ConfigXml *xml, Text folder, const char *suffix, bool watched)
{
        CLEANUP_ALLOC char *path = alloc_format("%.*s/%s", TEXT_FORMAT(folder), suffix);

        if (!path)
                return -ENOMEM;
        return config_draft_add_service_dir(xml->draft, path, !watched, watched);
}

static const char *environment(ConfigXml *xml, const char *name)
{
        const char *value = xml->source->get_environment(xml->source->context, name);

        return value && value[0] != '\0' ? value : NULL;
}

static int add_data_home(ConfigXml *xml, const char *suffix)
{
        const char *data_home = environment(xml, "XDG_DATA_HOME");
        const char *home = environment(xml, "HOME");
        CLEANUP_ALLOC char *share = NULL;

        if (data_home)
                return add(xml, text_from(data_home), suffix, true);
        if (!home)
                return 0;
        share = alloc_format("%s/.local/share", home);
        return share ? add(xml, text_from(share), suffix, true) : -ENOMEM;
}

/* Folders separated by ':'; empty ones do not count. */
static int add_list(ConfigXml *xml, const char *list, const char *suffix)
{
        int r = 0;

        while (r == 0 && *list) {
                Text folder = {list, strcspn(list, ":")};

                if (folder.size > 0)
                        r = add(xml, folder, suffix, true);
                list += folder.size;
                list += *list == ':';
        }
        return r;
}

/* What is made at run time is strict about names, and is read again by a reload only. */
void config_services_add_session(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        static const char suffix[] = "dbus-1/services";
        const char *runtime = environment(xml, "XDG_RUNTIME_DIR");
        const char *data_dirs = environment(xml, "XDG_DATA_DIRS");
        int r = 0;

        (void)text;
        config_services_note(xml, element->name);
        if (runtime)
                r = add(xml, text_from(runtime), suffix, false);
        if (r == 0)
                r = add_data_home(xml, suffix);
        if (r == 0)
                r = add_list(xml, data_dirs ? data_dirs : "/usr/local/share:/usr/share", suffix);
        if (r == 0)
                r = add(xml, TEXT("/usr/share"), suffix, true);
        config_xml_check(xml, r);
}

void config_services_add_system(ConfigXml *xml, const ConfigElement *element, const char *text)
{
        static const struct {
                const char *folder;
                bool watched;
        } folders[] = {
                {"/etc", false},      {"/run", false}, {"/usr/local/share", true},
                {"/usr/share", true}, {"/lib", true},
        };
        int r = 0;

        (void)text;
        config_services_note(xml, element->name);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
                r = add(xml, text_from(folders[i].folder), "dbus-1/system-services",
                        folders[i].watched);
        config_xml_check(xml, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_XML_H
#define RINGBUS_BROKER_CONFIG_XML_H

/*
 * One configuration file's way through expat. The reader keeps the open elements and the text of
 * the innermost, checks that each stands where it may, and hands it to its row in config_element.c.
 *
 * At an <include> or <includedir> the reader stops and config_xml_run() returns; the caller reads
 * those files, merges them into the draft and runs the reader on. So nothing here recurses, and a
 * later element of the file overrides what was included.
 *
 * An error does not end the reading: an element that is wrong is left out, with what it holds, and
 * the next one is looked at. Only what is not well-formed, or too much, ends it.
 *
 * External entities are never fetched: one that is used is an error. Entities declared in the file
 * itself are expanded until there is twice as much text as in the file, or CONFIG_FILE_MAX.
 *
 * Owner: the frame of the file (config.c).
 */

#define XML_DTD 1 /* expat.h: declare what bounds entities, too */
#include <expat.h>

#include "broker/config_draft.h"

enum {
        CONFIG_XML_NESTING_MAX = 4,      /* <busconfig><policy><allow> is three */
        CONFIG_XML_TEXT_MAX = 64 * 1024, /* bytes between two tags */
};

typedef struct ConfigElement ConfigElement;

/* Where something stands; both count from 1. */
typedef struct ConfigPlace {
        unsigned long line;
        unsigned long column;
} ConfigPlace;

typedef enum ConfigRequestKind { CONFIG_REQUEST_FILE, CONFIG_REQUEST_FOLDER } ConfigRequestKind;

/* An <include> or <includedir> that waits to be answered. */
typedef struct ConfigRequest {
        ConfigRequestKind kind;
        const char *path; /* borrowed from the reader until it runs on */
        bool ignore_missing;
        ConfigPlace place;
} ConfigRequest;

/* What has no effect is reported once for all files of a configuration. */
typedef enum ConfigNote {
        CONFIG_NOTE_ACTIVATION,
        CONFIG_NOTE_CONTAINERS,
        CONFIG_NOTE_SELINUX,
} ConfigNote;

typedef struct ConfigOpen {
        const ConfigElement *element;
        ConfigPlace place;
        bool failed;       /* an error was reported: what it says is left out */
        bool has_bad_text; /* reported, once */
} ConfigOpen;

/* The <policy> that is open. */
typedef struct ConfigSection {
        bool ignored; /* its rules are looked at, but left out */
        PolicyContext context;
        uint32_t id;
} ConfigSection;

typedef struct ConfigXml {
        XML_Parser parser;
        const char *path;           /* borrowed: the file's name, for messages */
        const ConfigSource *source; /* borrowed */
        ConfigDraft *draft;         /* borrowed */
        ConfigReport *report;       /* borrowed: this file's */
        unsigned *notes;            /* borrowed: bits of ConfigNote that were reported */
        bool out_of_memory;
        bool started;
        bool stopped;
        bool requested; /* `request` waits */
        ConfigRequest request;
        ConfigOpen open[CONFIG_XML_NESTING_MAX];
        unsigned depth;
        unsigned long skipping; /* open elements that are left out, below open[depth - 1] */
        char *text;             /* CONFIG_XML_TEXT_MAX + 1 bytes: of the innermost open element */
        size_t n_text;
        char *limit_name; /* owned: of the <limit> that is open */
        bool ignore_missing;
        bool if_selinux;
        bool at_selinux_root;
        ConfigSection section;
} ConfigXml;

/* 0 or -ENOMEM. All is borrowed until config_xml_deinit(). */
int config_xml_init(ConfigXml *xml, const char *path, const ConfigSource *source,
                    ConfigDraft *draft, ConfigReport *report, unsigned *notes);
void config_xml_deinit(ConfigXml *xml); /* idempotent */

/*
 * Reads the file's bytes on, the same ones in each call. 0: all is read, or there were errors after
 * which reading cannot go on; 1: *ret_request is to be answered first; -ENOMEM.
 */
int config_xml_run(ConfigXml *xml, const ConfigBytes *bytes, ConfigRequest *ret_request);

/* For the rows of config_element.c, about the innermost open element: */

/* Reports an error and leaves the element out. */
void config_xml_fail(ConfigXml *xml, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports something that is no error. */
void config_xml_warn(ConfigXml *xml, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports that something has no effect, unless `note` was reported before. */
void config_xml_note(ConfigXml *xml, ConfigNote note, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Takes a result of config_draft.h: there is no memory, or there are too many already. */
void config_xml_check(ConfigXml *xml, int r);

/* Stops the reader behind the element that ends now, until the request is answered. */
void config_xml_request(ConfigXml *xml, ConfigRequestKind kind, const char *path,
                        bool ignore_missing);

#endif

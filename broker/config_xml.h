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
 * External entities are never fetched: one that is used is an error. Entities declared in the file
 * itself are expanded within expat's limits on amplification.
 *
 * Owner: the frame of the file (config.c).
 */

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
        const char *path; /* as written; borrowed from the reader until it runs on */
        bool ignore_missing;
        ConfigPlace place;
} ConfigRequest;

/* What was said in the log already; one for all files of a configuration. */
typedef struct ConfigNotes {
        uint64_t elements; /* bit: number of the row in config_element.c */
        uint64_t limits;   /* bit: number in LIMITS_LIST */
        unsigned mechanisms;
        bool selinux;
} ConfigNotes;

typedef struct ConfigOpen {
        const ConfigElement *element;
        ConfigPlace place;
} ConfigOpen;

typedef struct ConfigXml {
        XML_Parser parser;
        const char *path;   /* borrowed: the file's name, for messages */
        ConfigDraft *draft; /* borrowed */
        ConfigNotes *notes; /* borrowed */
        ConfigError *error; /* borrowed */
        int result;         /* -errno once something failed */
        bool started;
        bool requested; /* `request` waits */
        ConfigRequest request;
        ConfigOpen open[CONFIG_XML_NESTING_MAX];
        unsigned depth;
        char *text; /* CONFIG_XML_TEXT_MAX + 1 bytes */
        size_t n_text;
        /* Of the innermost open element, where it has them: */
        char *limit_name; /* owned */
        bool ignore_missing;
        bool skip_include;
        ConfigContext context;
} ConfigXml;

/* 0 or -ENOMEM. All but *xml is borrowed until config_xml_deinit(). */
int config_xml_init(ConfigXml *xml, const char *path, ConfigDraft *draft, ConfigNotes *notes,
                    ConfigError *error);
void config_xml_deinit(ConfigXml *xml); /* idempotent */

/*
 * Reads the file's bytes on, the same ones in each call. 0: all is read; 1: *ret_request is to be
 * answered first; -EINVAL or -ENOMEM, and the error is filled in.
 */
int config_xml_run(ConfigXml *xml, const ConfigBytes *bytes, ConfigRequest *ret_request);

/* For the rows of config_element.c: reports an error at the place of the element; returns false. */
bool config_xml_fail(ConfigXml *xml, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool config_xml_fail_memory(ConfigXml *xml);

/* The same for a line in the log, at the place of the innermost open element. */
void config_xml_note(ConfigXml *xml, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Stops the reader behind the element that ends now, until the request is answered. */
void config_xml_request(ConfigXml *xml, ConfigRequestKind kind, bool ignore_missing);

#endif

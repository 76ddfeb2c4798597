/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: a stack of frames, one for each file that is open, the outermost below. A frame's reader
 * stops at an include; the file included is pushed, and when it is done its draft and its findings
 * are merged into the frame below, whose reader runs on. A folder is kept in the frame that asked
 * for it, until the last of its files is done.
 *
 * A file with errors is read to its end and merged all the same, so that more can be found; the
 * whole is refused in the end. One that came from a folder is dropped instead.
 */

#include "broker/config.h"

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/config_xml.h"

enum {
        FRAMES_MAX = 32,   /* files included one in the other */
        FILES_MAX = 10000, /* files of a configuration, so that reading always ends */
};

typedef struct Frame {
        char *path;
        ConfigBytes bytes;
        ConfigDraft draft;
        ConfigReport report;
        ConfigXml xml;
        bool from_folder; /* its errors are tolerated */
        char *folder;     /* of `names`; NULL: none is being read */
        ConfigNames names;
        size_t next_name;
} Frame;

typedef struct Loader {
        const ConfigSource *source;
        Frame frames[FRAMES_MAX];
        unsigned n_frames;
        unsigned n_files;
        unsigned notes;
        ConfigDraft result;   /* the outermost file's, once it is done */
        ConfigReport *report; /* borrowed; the same */
} Loader;

static Frame *top_frame(Loader *loader)
{
        ASSERT(loader->n_frames > 0);
        return &loader->frames[loader->n_frames - 1];
}

static void end_folder(Frame *frame)
{
        frame->folder = alloc_free(frame->folder);
        config_names_deinit(&frame->names);
        frame->next_name = 0;
}

static void frame_deinit(Frame *frame)
{
        config_xml_deinit(&frame->xml);
        config_draft_deinit(&frame->draft);
        config_report_deinit(&frame->report);
        config_bytes_deinit(&frame->bytes);
        end_folder(frame);
        frame->path = alloc_free(frame->path);
}

/* Whether another file may be opened, and is not open already. */
static int check_file(Loader *loader, const char *path, const ConfigBytes *bytes,
                      ConfigError *ret_error)
{
        if (loader->n_frames == FRAMES_MAX || loader->n_files == FILES_MAX) {
                config_error_set(ret_error, "%s: %s; most are %d", path,
                                 loader->n_frames == FRAMES_MAX ? "too many includes in includes"
                                                                : "too many files",
                                 loader->n_frames == FRAMES_MAX ? FRAMES_MAX : FILES_MAX);
                return -EINVAL;
        }
        for (unsigned i = 0; i < loader->n_frames; i++) {
                const uint64_t *open = loader->frames[i].bytes.identity;

                if (open[0] != bytes->identity[0] || open[1] != bytes->identity[1])
                        continue;
                config_error_set(ret_error, "%s: circular inclusion; remove this <include>", path);
                return -EINVAL;
        }
        return 0;
}

/* Opens a file in a new frame. Takes `path`, which may be NULL (-ENOMEM). */
static int push_file(Loader *loader, char *path, bool from_folder, ConfigError *ret_error)
{
        Frame frame = {.path = path, .from_folder = from_folder};
        Frame *pushed;
        int r;

        if (!path)
                return -ENOMEM;
        r = loader->source->read_file(loader->source->context, path, &frame.bytes, ret_error);
        if (r == 0)
                r = check_file(loader, path, &frame.bytes, ret_error);
        if (r < 0) {
                frame_deinit(&frame);
                return r;
        }
        pushed = &loader->frames[loader->n_frames];
        *pushed = frame;
        config_draft_init(&pushed->draft, loader->n_frames > 0 ? &pushed[-1].draft.config.limits
                                                               : &loader->result.config.limits);
        loader->n_frames++;
        loader->n_files++;
        return config_xml_init(&pushed->xml, path, loader->source, &pushed->draft, &pushed->report,
                               &loader->notes);
}

static void drop_top(Loader *loader)
{
        frame_deinit(top_frame(loader));
        loader->n_frames--;
}

/* The file of the top frame is done. */
static int pop_file(Loader *loader)
{
        Frame *frame = top_frame(loader);
        ConfigDraft *draft = loader->n_frames > 1 ? &frame[-1].draft : &loader->result;
        ConfigReport *report = loader->n_frames > 1 ? &frame[-1].report : loader->report;
        const bool skipped = frame->from_folder && frame->report.n_errors > 0;
        int r = 0;

        if (loader->n_frames == 1)
                draft->config.syslog = frame->draft.config.syslog;
        if (skipped)
                config_report_add(&frame->report, CONFIG_WARNING,
                                  "%s: the file is skipped because of its errors", frame->path);
        else
                r = config_draft_merge(draft, &frame->draft);
        if (r == -E2BIG) {
                config_report_add(
                        &frame->report, CONFIG_ERROR,
                        "%s: with what is included, too many <servicedir> or <associate>; "
                        "most are 1000",
                        frame->path);
                r = 0;
        }
        config_report_merge(report, &frame->report, skipped);
        drop_top(loader);
        return report->out_of_memory ? -ENOMEM : r;
}

/* Reports what is wrong with the included file or folder, with the place of the include. */
static void refuse_request(Loader *loader, const ConfigRequest *request, int r,
                           const ConfigError *error)
{
        Frame *frame = top_frame(loader);
        const char *remedy =
                r == -ENOENT ? "; add the file, or ignore_missing=\"yes\" to the <include>" : "";

        config_report_add(&frame->report, CONFIG_ERROR, "%s:%lu:%lu: %s%s", frame->path,
                          request->place.line, request->place.column, error->text, remedy);
}

static int answer_request(Loader *loader, const ConfigRequest *request)
{
        Frame *frame = top_frame(loader);
        char *path = config_source_resolve(frame->path, request->path);
        ConfigError error = {{0}};
        int r = -ENOMEM;

        if (request->kind == CONFIG_REQUEST_FILE) {
                r = push_file(loader, path, false, &error);
        } else if (path) {
                frame->folder = path;
                r = loader->source->read_folder(loader->source->context, path, &frame->names,
                                                &error);
                if (r < 0)
                        end_folder(frame);
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0 && !(r == -ENOENT && request->ignore_missing))
                refuse_request(loader, request, r, &error);
        return 0;
}

/* Opens the next file of the folder that the top frame asked for. */
static int read_next_of_folder(Loader *loader)
{
        Frame *frame = top_frame(loader);
        ConfigError error = {{0}};
        int r;

        if (frame->next_name == frame->names.n) {
                end_folder(frame);
                return 0;
        }
        r = push_file(loader,
                      alloc_format("%s/%s", frame->folder, frame->names.names[frame->next_name]),
                      true, &error);
        frame->next_name++;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                config_report_add(&frame->report, CONFIG_WARNING, "%s; the file is skipped",
                                  error.text);
        return 0;
}

/* One step; 0 or -ENOMEM. */
static int step(Loader *loader)
{
        Frame *frame = top_frame(loader);
        ConfigRequest request;
        int r;

        if (frame->folder)
                return read_next_of_folder(loader);
        r = config_xml_run(&frame->xml, &frame->bytes, &request);
        if (r < 0)
                return r;
        return r > 0 ? answer_request(loader, &request) : pop_file(loader);
}

/* What only the whole shows. Other errors may be its cause, then it is not mentioned. */
static void check_result(Loader *loader, const char *path)
{
        if (loader->report->n_errors == 0 && loader->result.config.n_listen == 0)
                config_report_add(loader->report, CONFIG_ERROR,
                                  "%s: one or more <listen> elements are needed, such as "
                                  "<listen>unix:tmpdir=/tmp</listen>",
                                  path);
}

static int run(Loader *loader, const char *path)
{
        ConfigError error = {{0}};
        int r = push_file(loader, alloc_string(path, strlen(path)), false, &error);

        if (r < 0 && r != -ENOMEM) {
                config_report_add(loader->report, CONFIG_ERROR, "%s", error.text);
                return -EINVAL;
        }
        while (r == 0 && loader->n_frames > 0)
                r = step(loader);
        while (loader->n_frames > 0)
                drop_top(loader);
        if (r == 0)
                check_result(loader, path);
        if (r < 0 || loader->report->out_of_memory) {
                loader->report->out_of_memory = true;
                return -ENOMEM;
        }
        return loader->report->n_errors > 0 ? -EINVAL : 0;
}

int config_load_from(const ConfigSource *source, const char *path, Config **ret_config,
                     ConfigReport *report)
{
        Loader *loader = alloc_zeroed(1, sizeof(*loader));
        Config *config = alloc_zeroed(1, sizeof(*config));
        Limits limits;
        int r = -ENOMEM;

        if (loader && config) {
                limits_init(&limits);
                loader->source = source;
                loader->report = report;
                config_draft_init(&loader->result, &limits);
                r = run(loader, path);
                if (r == 0)
                        *config = loader->result.config;
                else
                        config_draft_deinit(&loader->result);
        }
        alloc_free(loader);
        if (r < 0) {
                report->out_of_memory |= r == -ENOMEM;
                alloc_free(config);
                return r;
        }
        *ret_config = config;
        return 0;
}

int config_load(const char *path, Config **ret_config, ConfigReport *report)
{
        return config_load_from(&config_source_system, path, ret_config, report);
}

Config *config_free(Config *config)
{
        if (config) {
                ConfigDraft draft = {.config = *config};

                config_draft_deinit(&draft);
        }
        return alloc_free(config);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: a stack of frames, one for each file that is open, the outermost below. A frame's reader
 * stops at an include; the file included is pushed, and when it is done its draft is merged into
 * the frame below, whose reader runs on. A folder is kept in the frame that asked for it, until the
 * last of its files is done.
 *
 * A failure drops frames down to a file that came from a folder (the file is logged and skipped),
 * or all of them.
 */

#include "broker/config.h"

#include <errno.h>
#include <string.h>

#include "auth/sasl.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/log.h"
#include "broker/config_xml.h"

enum {
        FRAMES_MAX = 32,   /* files included one in the other */
        FILES_MAX = 10000, /* files of a configuration, so that reading always ends */
};

typedef struct Frame {
        char *path;
        ConfigBytes bytes;
        ConfigDraft draft;
        ConfigXml xml;
        bool from_folder; /* its failure is tolerated */
        char *folder;     /* of `names`; NULL: none is being read */
        ConfigNames names;
        size_t next_name;
} Frame;

typedef struct Loader {
        const ConfigSource *source;
        Frame frames[FRAMES_MAX];
        unsigned n_frames;
        unsigned n_files;
        ConfigNotes notes;
        ConfigDraft result; /* the outermost file's, once it is done */
        ConfigError *error;
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
        config_bytes_deinit(&frame->bytes);
        end_folder(frame);
        frame->path = alloc_free(frame->path);
}

/* `name` as seen from the folder of the file `base`; NULL when out of memory. */
static char *resolve_path(const char *base, const char *name)
{
        const char *slash = strrchr(base, '/');

        if (name[0] == '/' || !slash)
                return alloc_string(name, strlen(name));
        return alloc_format("%.*s/%s", (int)(slash - base), base, name);
}

/* Whether another file may be opened, and is not open already. */
static int check_file(Loader *loader, const char *path, const ConfigBytes *bytes)
{
        if (loader->n_frames == FRAMES_MAX || loader->n_files == FILES_MAX) {
                config_error_set(loader->error, "%s: %s; most are %d", path,
                                 loader->n_frames == FRAMES_MAX ? "too many includes in includes"
                                                                : "too many files",
                                 loader->n_frames == FRAMES_MAX ? FRAMES_MAX : FILES_MAX);
                return -EINVAL;
        }
        for (unsigned i = 0; i < loader->n_frames; i++) {
                const uint64_t *open = loader->frames[i].bytes.identity;

                if (open[0] != bytes->identity[0] || open[1] != bytes->identity[1])
                        continue;
                config_error_set(loader->error, "%s: circular inclusion; remove this <include>",
                                 path);
                return -EINVAL;
        }
        return 0;
}

/* Opens a file in a new frame. Takes `path`, which may be NULL (-ENOMEM). */
static int push_file(Loader *loader, char *path, bool from_folder)
{
        Frame frame = {.path = path, .from_folder = from_folder};
        Frame *pushed;
        int r;

        if (!path)
                return -ENOMEM;
        r = loader->source->read_file(loader->source->context, path, &frame.bytes, loader->error);
        if (r == 0)
                r = check_file(loader, path, &frame.bytes);
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
        return config_xml_init(&pushed->xml, path, &pushed->draft, &loader->notes, loader->error);
}

/* The file of the top frame is done. */
static int pop_file(Loader *loader)
{
        Frame *frame = top_frame(loader);
        ConfigDraft *below = loader->n_frames > 1 ? &frame[-1].draft : &loader->result;
        int r = config_draft_merge(below, &frame->draft);

        frame_deinit(frame);
        loader->n_frames--;
        return r;
}

/* Adds the place of the include to what is wrong with the included file or folder. */
static int refuse_request(Loader *loader, const ConfigRequest *request, int r)
{
        const Frame *frame = top_frame(loader);
        ConfigError inner = *loader->error;
        const char *remedy =
                r == -ENOENT ? "; add the file, or ignore_missing=\"yes\" to the <include>" : "";

        config_error_set(loader->error, "%s:%lu:%lu: %s%s", frame->path, request->place.line,
                         request->place.column, inner.text, remedy);
        return r;
}

static int answer_request(Loader *loader, const ConfigRequest *request)
{
        Frame *frame = top_frame(loader);
        char *path = resolve_path(frame->path, request->path);
        int r = -ENOMEM;

        if (request->kind == CONFIG_REQUEST_FILE) {
                r = push_file(loader, path, false);
        } else if (path) {
                frame->folder = path;
                r = loader->source->read_folder(loader->source->context, path, &frame->names,
                                                loader->error);
                if (r < 0)
                        end_folder(frame);
        }
        if (r == -ENOENT && request->ignore_missing)
                return 0;
        return r < 0 && top_frame(loader) == frame ? refuse_request(loader, request, r) : r;
}

/* Drops what has failed; 0 if a folder's file was the cause, which is then skipped. */
static int unwind(Loader *loader, int r)
{
        bool tolerated = false;

        while (loader->n_frames > 0 && !tolerated) {
                Frame *frame = top_frame(loader);

                tolerated = frame->from_folder && r != -ENOMEM;
                if (tolerated)
                        log_warning("%s; %s is skipped", loader->error->text, frame->path);
                frame_deinit(frame);
                loader->n_frames--;
        }
        return tolerated ? 0 : r;
}

/* Opens the next file of the folder that the top frame asked for. */
static int read_next_of_folder(Loader *loader)
{
        Frame *frame = top_frame(loader);
        unsigned n_frames = loader->n_frames;
        int r;

        if (frame->next_name == frame->names.n) {
                end_folder(frame);
                return 0;
        }
        r = push_file(loader,
                      alloc_format("%s/%s", frame->folder, frame->names.names[frame->next_name]),
                      true);
        frame->next_name++;
        if (r < 0 && r != -ENOMEM && loader->n_frames == n_frames) {
                log_warning("%s; it is skipped", loader->error->text);
                r = 0;
        }
        return r;
}

/* One step; negative: something failed. */
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

static int check_result(Loader *loader, const char *path)
{
        Config *config = &loader->result.config;
        ConfigError inner = {{0}};

        if (config->n_listen == 0) {
                config_error_set(loader->error,
                                 "%s: one or more <listen> elements are needed, such as "
                                 "<listen>unix:tmpdir=/tmp</listen>",
                                 path);
                return -EINVAL;
        }
        if (config->mechanisms && !(config->mechanisms & SASL_MECHANISM_EXTERNAL)) {
                config_error_set(loader->error,
                                 "%s: no mechanism but EXTERNAL is supported yet; add "
                                 "<auth>EXTERNAL</auth>",
                                 path);
                return -EINVAL;
        }
        if (!config_policy_allows_everything(&loader->result.policy, &config->admits_every_user,
                                             &inner)) {
                config_error_set(loader->error, "%s: %s", path, inner.text);
                return -EINVAL;
        }
        return 0;
}

static int run(Loader *loader, const char *path)
{
        int r = push_file(loader, alloc_string(path, strlen(path)), false);

        if (r < 0)
                r = unwind(loader, r);
        while (r == 0 && loader->n_frames > 0) {
                r = step(loader);
                if (r < 0)
                        r = unwind(loader, r);
        }
        return r < 0 ? r : check_result(loader, path);
}

int config_load_from(const ConfigSource *source, const char *path, Config **ret_config,
                     ConfigError *ret_error)
{
        Loader *loader = alloc_zeroed(1, sizeof(*loader));
        Config *config = alloc_zeroed(1, sizeof(*config));
        Limits limits;
        int r = -ENOMEM;

        if (loader && config) {
                limits_init(&limits);
                loader->source = source;
                loader->error = ret_error;
                config_draft_init(&loader->result, &limits);
                r = run(loader, path);
                if (r == 0)
                        *config = loader->result.config;
                else
                        config_draft_deinit(&loader->result);
        }
        alloc_free(loader);
        if (r == -ENOMEM)
                config_error_set(ret_error, "%s: out of memory", path);
        if (r < 0) {
                alloc_free(config);
                return r;
        }
        *ret_config = config;
        return 0;
}

int config_load(const char *path, Config **ret_config, ConfigError *ret_error)
{
        return config_load_from(&config_source_files, path, ret_config, ret_error);
}

Config *config_free(Config *config)
{
        if (config) {
                ConfigDraft draft = {.config = *config};

                config_draft_deinit(&draft);
        }
        return alloc_free(config);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand: knobs, the file, the summary. */

#include "bench/load/trace/record.h"
#include "bench/load/engine/knobs.h"
#include "bench/load/trace/summary.h"
#include "broker/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const Knob record_knobs[] = {
        {.name = "address",
         .argument = "ADDRESS",
         .help = "of the bus to record",
         .kind = KNOB_TEXT,
         .offset = offsetof(RecordKnobs, address)},
        {.name = "session",
         .help = "the session bus; what is recorded if nothing else is named",
         .kind = KNOB_FLAG,
         .offset = offsetof(RecordKnobs, session)},
        {.name = "system",
         .help = "the system bus; usually only root may record it",
         .kind = KNOB_FLAG,
         .offset = offsetof(RecordKnobs, system)},
        {.name = "pcap",
         .argument = "FILE",
         .help = "convert what `dbus-monitor --pcap` wrote; - is standard input",
         .kind = KNOB_TEXT,
         .offset = offsetof(RecordKnobs, pcap)},
        {.name = "payloads",
         .help = "record the contents of all messages, too: they may be private",
         .kind = KNOB_FLAG,
         .offset = offsetof(RecordKnobs, payloads)},
        {.name = "duration",
         .argument = "TIME",
         .help = "end after this time; without it Ctrl-C or SIGTERM ends the recording",
         .kind = KNOB_DURATION,
         .offset = offsetof(RecordKnobs, duration_ns)},
        {.name = "quiet",
         .help = "no progress, no summary",
         .kind = KNOB_FLAG,
         .offset = offsetof(RecordKnobs, quiet)},
        {.name = NULL},
};

static const char description[] =
        "Records who says what to whom on a bus, when and how long it is: into FILE, from which\n"
        "`ringbus-load replay` makes the same traffic on any bus. The contents of messages are "
        "not\n"
        "recorded, unless --payloads is given; names, match rules, paths, interfaces, members and\n"
        "signatures are. docs/TRACE.md says exactly what is in the file.\n\n";

void record_fact(Record *record, const char *key, const char *value)
{
        if (value && value[0])
                trace_writer_fact(&record->writer, text_from(key), text_from(value));
}

int record_find_address(const RecordKnobs *knobs, char address[static RECORD_ADDRESS_MAX])
{
        const char *found = knobs->address;

        if (!found && knobs->system) {
                found = getenv("DBUS_SYSTEM_BUS_ADDRESS");
                found = found ? found : "unix:path=/run/dbus/system_bus_socket";
        }
        if (!found)
                found = getenv("DBUS_SESSION_BUS_ADDRESS");
        if (!found) {
                fprintf(stderr, "ringbus-load record: there is no session bus "
                                "(DBUS_SESSION_BUS_ADDRESS is not set): name one by --address\n");
                return -1;
        }
        if (strlen(found) >= RECORD_ADDRESS_MAX) {
                fprintf(stderr, "ringbus-load record: the address is too long\n");
                return -1;
        }
        memcpy(address, found, strlen(found) + 1);
        return 0;
}

/* Only its owner may read it: it tells what somebody did. */
static int open_file(Record *record)
{
        int fd = open(record->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        record->file = fd < 0 ? NULL : fdopen(fd, "w");
        if (!record->file)
                fprintf(stderr, "ringbus-load: %s: %s\n", record->path, strerror(errno));
        return record->file ? 0 : -1;
}

static void print_summary(const Record *record)
{
        const Recorder *recorder = &record->recorder;

        printf("%s: %.1f s, %u peers, %u messages", record->path, (double)recorder->time_ns / 1e9,
               record->writer.n_peers, record->writer.n_messages);
        for (unsigned kind = 1; kind < RECORDER_KINDS; kind++)
                printf("%s%llu %ss", kind == 1 ? ": " : ", ",
                       (unsigned long long)recorder->n_messages[kind], summary_kind_name(kind));
        if (recorder->n_messages[0] > 0)
                printf(", %llu of other types", (unsigned long long)recorder->n_messages[0]);
        printf("; %llu bytes on the bus, %ld in the file\n", (unsigned long long)recorder->n_bytes,
               ftell(record->file));
        if (recorder->n_strangers > 0)
                printf("%llu messages without a sender were left out\n",
                       (unsigned long long)recorder->n_strangers);
}

/* Whatever was recorded until something went wrong is kept, unless that is nothing. */
static int finish(Record *record, int r)
{
        int error = trace_writer_finish(&record->writer, record->recorder.time_ns);

        progress_clear(&record->progress);
        if (error < 0) {
                fprintf(stderr, "ringbus-load: %s: %s\n", record->path, strerror(-error));
                r = -1;
        } else if (r < 0 && record->writer.n_messages == 0) {
                unlink(record->path);
        } else if (!record->knobs.quiet) {
                print_summary(record);
        }
        fclose(record->file);
        return r < 0 ? 1 : 0;
}

static int record_file(Record *record)
{
        int r = hash_init();

        if (r < 0) {
                fprintf(stderr, "ringbus-load: no random numbers: %s\n", strerror(-r));
                return 1;
        }
        if (open_file(record) < 0)
                return 1;
        trace_writer_init(&record->writer, record->file, record->knobs.payloads);
        recorder_init(&record->recorder, &record->writer);
        progress_init(&record->progress, record->knobs.quiet);
        r = record->knobs.pcap ? record_from_pcap(record) : record_from_bus(record);
        r = finish(record, r);
        recorder_deinit(&record->recorder);
        trace_writer_deinit(&record->writer);
        return r;
}

static int refuse_usage(const char *reason)
{
        fprintf(stderr, "ringbus-load record: %s\nusage: ringbus-load record [KNOBS] FILE\n",
                reason);
        return 2;
}

int record_main(int argc, char **argv)
{
        Record record = {.file = NULL};
        const KnobSet sets[] = {{.knobs = record_knobs, .values = &record.knobs}, {.knobs = NULL}};
        KnobParse parse = {.command = "ringbus-load record",
                           .usage = "[KNOBS] FILE",
                           .sets = sets,
                           .takes_words = true,
                           .errors = stderr};
        int n = knobs_parse(&parse, argc - 1, argv + 1);
        const RecordKnobs *knobs = &record.knobs;

        if (n == KNOBS_HELP) {
                printf("usage: ringbus-load record [KNOBS] FILE\n\n%s", description);
                knobs_print_help(&parse, stdout);
                return 0;
        }
        if (n < 0)
                return 2;
        if (argc - 1 - n != 1)
                return refuse_usage("one file to write to is needed, behind the knobs");
        if ((knobs->address != NULL) + (knobs->pcap != NULL) + knobs->session + knobs->system > 1)
                return refuse_usage("--address, --session, --system and --pcap exclude each other");
        if (knobs->pcap && knobs->duration_ns > 0)
                return refuse_usage("--duration is for a live bus; a --pcap file has its own");
        record.path = argv[1 + n];
        return record_file(&record);
}

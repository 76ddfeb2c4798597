/* SPDX-License-Identifier: Apache-2.0 */
/* From a live bus, as a monitor: the connection, its time and its end. */

#include <errno.h>
#include <stdarg.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "bench/load/engine/facts.h"
#include "bench/load/trace/record_live.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

void record_live_fail(Live *live, const char *format, ...)
{
        va_list arguments;

        progress_clear(&live->record->progress);
        fputs("ringbus-load: ", stderr);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        live->has_failed = true;
        loop_end(&live->loop);
}

void record_live_start(Live *live)
{
        Record *record = live->record;
        uint64_t now_ns = clock_now_ns();

        live->state = LIVE_MONITORING;
        recorder_start(&record->recorder, now_ns);
        if (!record->knobs.quiet)
                fprintf(stderr, "ringbus-load: recording into %s\n", record->path);
        if (record->knobs.duration_ns > 0)
                live->ends_ns = now_ns + record->knobs.duration_ns;
        loop_arm(&live->loop, &live->tick, now_ns);
}

static void on_ready(Connection *connection)
{
        Live *live = connection->owner;
        Recorder *recorder = &live->record->recorder;

        snprintf(recorder->self, sizeof(recorder->self), "%s", connection->unique_name);
        record_snapshot_begin(live);
}

static void on_frame(Connection *connection, const ConnectionFrame *frame)
{
        Live *live = connection->owner;
        const char *reason = NULL;

        if (live->has_failed)
                return;
        if (live->state != LIVE_MONITORING)
                record_snapshot_frame(live, frame);
        else if (recorder_message(&live->record->recorder, frame->data, frame->size, clock_now_ns(),
                                  &reason) < 0)
                record_live_fail(live, "the bus shows a message that is not valid: %s", reason);
        else if (live->record->writer.error != 0)
                loop_end(&live->loop);
}

static void on_failed(Connection *connection, int error, const char *what)
{
        Live *live = connection->owner;

        if (live->state == LIVE_MONITORING && error == -ECONNRESET)
                record_live_fail(
                        live,
                        "the bus closed the connection: it ended, or the recorder was too slow; "
                        "the recording ends there");
        else
                record_live_fail(live, "%s: %s", what, strerror(-error));
}

static const ConnectionHandlers live_handlers = {
        .ready = on_ready,
        .frame = on_frame,
        .failed = on_failed,
};

static void on_tick(Timer *timer, void *context)
{
        Live *live = CONTAINER_OF(timer, Live, tick);
        const Recorder *recorder = &live->record->recorder;
        uint64_t now_ns = clock_now_ns();

        progress_write(&live->record->progress, now_ns,
                       "%.0f s: %u messages, %u peers; Ctrl-C ends the recording",
                       (double)(now_ns - recorder->start_ns) / 1e9, live->record->writer.n_messages,
                       live->record->writer.n_peers);
        /* Whoever is killed has recorded all but the last second. */
        trace_writer_flush(&live->record->writer);
        if (now_ns >= live->ends_ns || live->record->writer.error != 0) {
                loop_end(context);
                return;
        }
        now_ns += CLOCK_NS_PER_S;
        loop_arm(context, timer, now_ns < live->ends_ns ? now_ns : live->ends_ns);
}

static void on_signal(LoopSource *source, uint32_t events)
{
        Live *live = CONTAINER_OF(source, Live, signals);

        (void)events;
        loop_end(&live->loop);
}

/* SIGINT and SIGTERM end the loop, and by that the recording. */
static int watch_signals(Live *live)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        live->signals.handle = on_signal;
        live->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (live->signal_fd < 0)
                return -errno;
        return loop_watch(&live->loop, live->signal_fd, EPOLLIN, &live->signals);
}

static void note_facts(Live *live)
{
        FactsMachine machine;
        FactsBroker broker;
        char cpus[16];

        facts_read_machine(&machine);
        facts_read_broker(connection_peer_pid(&live->connection), &broker);
        snprintf(cpus, sizeof(cpus), "%u", machine.n_cpus);
        record_fact(live->record, "started", machine.time);
        record_fact(live->record, "source", "monitor");
        record_fact(live->record, "bus", broker.version[0] ? broker.version : broker.exe);
        record_fact(live->record, "kernel", machine.kernel);
        record_fact(live->record, "cpu", machine.cpu_model);
        record_fact(live->record, "cpus", cpus);
}

static void run(Live *live)
{
        char address[RECORD_ADDRESS_MAX];
        ConnectionOptions options = {.address = address,
                                     .handlers = &live_handlers,
                                     .negotiate_fds = true,
                                     .owner = live};
        int r = watch_signals(live);

        if (record_find_address(&live->record->knobs, address) < 0) {
                live->has_failed = true;
                return;
        }
        if (r == 0)
                r = connection_start(&live->connection, &live->loop, &options);
        if (r < 0) {
                record_live_fail(live, "%s: %s", address,
                                 live->connection.failure[0] ? live->connection.failure
                                                             : strerror(-r));
                return;
        }
        note_facts(live);
        loop_run(&live->loop, UINT64_MAX);
}

static void deinit(Live *live)
{
        connection_stop(&live->connection);
        if (live->signal_fd >= 0)
                close(live->signal_fd);
        for (uint32_t i = 0; i < live->n_names; i++)
                alloc_free(live->names[i]);
        alloc_free(live->names);
        loop_deinit(&live->loop);
}

int record_from_bus(Record *record)
{
        Live live = {.record = record, .signal_fd = -1, .ends_ns = UINT64_MAX};
        int r = loop_init(&live.loop);

        if (r < 0) {
                fprintf(stderr, "ringbus-load: %s\n", strerror(-r));
                return -1;
        }
        live.tick.fire = on_tick;
        run(&live);
        deinit(&live);
        if (!live.has_failed && live.state != LIVE_MONITORING)
                fprintf(stderr, "ringbus-load: interrupted before the recording began\n");
        return live.has_failed || live.state != LIVE_MONITORING ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as text. */

#include "bench/load/trace/info.h"
#include "broker/base/clock.h"
#include "proto/frame.h"

enum { DURATION_TEXT_MAX = 32 };

static const char *duration_text(uint64_t ns, char text[static DURATION_TEXT_MAX])
{
        if (ns < 10000)
                snprintf(text, DURATION_TEXT_MAX, "%.2f us", (double)ns / 1e3);
        else if (ns < 10 * CLOCK_NS_PER_MS)
                snprintf(text, DURATION_TEXT_MAX, "%.0f us", (double)ns / 1e3);
        else if (ns < 10 * CLOCK_NS_PER_S)
                snprintf(text, DURATION_TEXT_MAX, "%.0f ms", (double)ns / 1e6);
        else
                snprintf(text, DURATION_TEXT_MAX, "%.1f s", (double)ns / 1e9);
        return text;
}

static void print_facts(const Trace *trace, FILE *file)
{
        for (uint32_t i = 0; i < trace->n_facts; i++)
                fprintf(file, "  %-16.*s %.*s\n", TEXT_FORMAT(trace->facts[i].key),
                        TEXT_FORMAT(trace->facts[i].value));
}

static void print_kinds(const Trace *trace, const Summary *summary, FILE *file)
{
        double seconds = (double)trace->duration_ns / 1e9;

        fprintf(file, "  %-16s %u", "messages", trace->n_messages);
        if (seconds > 0)
                fprintf(file, " (%.1f/s, in the busiest second %llu)", trace->n_messages / seconds,
                        (unsigned long long)summary->busiest_second);
        fputc('\n', file);
        for (unsigned kind = 1; kind <= SUMMARY_KINDS; kind++) {
                unsigned k = kind % SUMMARY_KINDS;

                if (summary->n_messages[k] > 0 || k > 0)
                        fprintf(file, "    %-14s %llu\n", summary_kind_name(k),
                                (unsigned long long)summary->n_messages[k]);
        }
        fprintf(file, "  %-16s %llu calls to it, %llu answers and %llu signals of it\n", "the bus",
                (unsigned long long)summary->n_calls_to_bus,
                (unsigned long long)summary->n_answers_of_bus,
                (unsigned long long)summary->n_signals_of_bus);
        fprintf(file, "  %-16s %llu calls that wanted an answer\n", "unanswered",
                (unsigned long long)summary->n_unanswered);
}

static void print_histograms(const Summary *summary, FILE *file)
{
        char text[3][DURATION_TEXT_MAX];
        const Histogram *bodies = &summary->bodies, *answers = &summary->answers;

        fprintf(file,
                "  %-16s %llu bytes in all; p50 %llu, p90 %llu, p99 %llu, max %llu bytes; %llu "
                "fds in %llu messages\n",
                "bodies", (unsigned long long)summary->body_bytes,
                (unsigned long long)histogram_percentile(bodies, 50),
                (unsigned long long)histogram_percentile(bodies, 90),
                (unsigned long long)histogram_percentile(bodies, 99),
                (unsigned long long)bodies->max, (unsigned long long)summary->n_fds,
                (unsigned long long)summary->n_with_fds);
        if (answers->n > 0)
                fprintf(file, "  %-16s p50 %s, p99 %s, max %s after their calls\n", "answers",
                        duration_text(histogram_percentile(answers, 50), text[0]),
                        duration_text(histogram_percentile(answers, 99), text[1]),
                        duration_text(answers->max, text[2]));
}

static void print_sender(const Trace *trace, const SummaryPeer *peer, FILE *file)
{
        Text name = peer->peer == TRACE_BUS ? TEXT("the bus")
                                            : trace_text(trace, trace->peers[peer->peer].name);
        Text owned = peer->name ? trace_text(trace, peer->name) : TEXT("");

        fprintf(file, "  %9llu %9llu %9llu %9llu %9llu %12llu  %-9.*s %.*s",
                (unsigned long long)peer->n_sent[1], (unsigned long long)peer->n_sent[2],
                (unsigned long long)peer->n_sent[3], (unsigned long long)peer->n_sent[4],
                (unsigned long long)peer->n_received, (unsigned long long)peer->sent_bytes,
                TEXT_FORMAT(name), TEXT_FORMAT(owned));
        if (peer->n_names > 1)
                fprintf(file, " and %u more", peer->n_names - 1);
        fputc('\n', file);
}

void info_print_table(const char *path, const Trace *trace, const Summary *summary,
                      unsigned n_senders, FILE *file)
{
        char text[DURATION_TEXT_MAX];

        fprintf(file, "%s: %s\n", path,
                trace->has_payloads ? "with the contents of all messages" : "without contents");
        print_facts(trace, file);
        fprintf(file, "  %-16s %s\n", "duration", duration_text(trace->duration_ns, text));
        fprintf(file, "  %-16s %u, of which %llu were there before and %llu left\n", "peers",
                trace->n_peers, (unsigned long long)summary->n_there,
                (unsigned long long)summary->n_gone);
        fprintf(file, "  %-16s %llu times given to an owner\n", "names",
                (unsigned long long)summary->n_names);
        fprintf(file, "  %-16s %llu known from before, %llu added, %llu removed\n", "match rules",
                (unsigned long long)summary->n_rules_before,
                (unsigned long long)summary->n_rules_added,
                (unsigned long long)summary->n_rules_removed);
        print_kinds(trace, summary, file);
        print_histograms(summary, file);
        fprintf(file, "busiest senders\n  %9s %9s %9s %9s %9s %12s  %-9s %s\n", "calls", "returns",
                "errors", "signals", "received", "bytes", "peer", "owns");
        for (uint32_t i = 0; i < summary->n_peers && i < n_senders; i++)
                print_sender(trace, &summary->peers[i], file);
        if (summary->n_peers > n_senders)
                fprintf(file, "  and %u more (--senders=%u)\n", summary->n_peers - n_senders,
                        summary->n_peers);
}

static void print_field(const Trace *trace, const char *name, uint32_t string, FILE *file)
{
        if (string != 0)
                fprintf(file, " %s=%.*s", name, TEXT_FORMAT(trace_text(trace, string)));
}

static void print_message(const Trace *trace, const TraceEvent *event, FILE *file)
{
        const TraceMessage *message = &event->message;
        Text sender = message->sender == TRACE_BUS
                              ? TEXT("org.freedesktop.DBus")
                              : trace_text(trace, trace->peers[message->sender].name);

        fprintf(file, "%.6f %s %.*s", (double)event->time_ns / 1e9,
                summary_kind_name(summary_kind(message)), TEXT_FORMAT(sender));
        if (message->destination != 0)
                fprintf(file, " -> %.*s", TEXT_FORMAT(trace_text(trace, message->destination)));
        fprintf(file, " serial=%u", message->serial);
        if (message->reply_to != 0)
                fprintf(file, " answers=%u", message->reply_to);
        print_field(trace, "path", message->path, file);
        print_field(trace, "interface", message->interface, file);
        print_field(trace, "member", message->member, file);
        print_field(trace, "error", message->error, file);
        print_field(trace, "signature", message->signature, file);
        fprintf(file, " body=%u", message->body_size);
        if (message->n_fds > 0)
                fprintf(file, " fds=%u", message->n_fds);
        if (message->flags != 0)
                fprintf(file, " flags=0x%x", message->flags);
        fputc('\n', file);
}

void info_print_messages(const Trace *trace, FILE *file)
{
        for (uint32_t i = 1; i <= trace->n_messages; i++)
                print_message(trace, &trace->events[trace->messages[i]], file);
}

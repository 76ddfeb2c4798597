/* SPDX-License-Identifier: Apache-2.0 */
/* A trace's summary as JSON: docs/TRACE.md describes it. */

#include "bench/load/trace/info.h"

static json_t *text_json(Text text)
{
        return text_present(text) ? json_stringn_nocheck(text.data, text.size) : json_null();
}

static void set_count(json_t *object, const char *key, uint64_t n)
{
        json_object_set_new(object, key, json_integer((json_int_t)n));
}

static json_t *kinds_json(const uint64_t n_messages[static SUMMARY_KINDS])
{
        json_t *kinds = json_object();

        for (unsigned i = 0; i < SUMMARY_KINDS; i++)
                set_count(kinds, summary_kind_name(i), n_messages[i]);
        return kinds;
}

static json_t *histogram_json(const Histogram *histogram)
{
        json_t *object = json_object();

        set_count(object, "n", histogram->n);
        set_count(object, "p50", histogram_percentile(histogram, 50));
        set_count(object, "p90", histogram_percentile(histogram, 90));
        set_count(object, "p99", histogram_percentile(histogram, 99));
        set_count(object, "max", histogram->max);
        return object;
}

static json_t *facts_json(const Trace *trace)
{
        json_t *facts = json_object();

        for (uint32_t i = 0; i < trace->n_facts; i++) {
                Text key = trace->facts[i].key;

                json_object_setn_new_nocheck(facts, key.data, key.size,
                                             text_json(trace->facts[i].value));
        }
        return facts;
}

static json_t *peers_json(const Trace *trace, const Summary *summary)
{
        json_t *peers = json_array();

        for (uint32_t i = 0; i < summary->n_peers; i++) {
                const SummaryPeer *peer = &summary->peers[i];
                json_t *object = json_object();
                Text name = peer->peer == TRACE_BUS
                                    ? TEXT("org.freedesktop.DBus")
                                    : trace_text(trace, trace->peers[peer->peer].name);

                json_object_set_new(object, "peer", text_json(name));
                json_object_set_new(object, "owns", text_json(trace_text(trace, peer->name)));
                json_object_set_new(object, "sent", kinds_json(peer->n_sent));
                set_count(object, "received", peer->n_received);
                set_count(object, "sent_body_bytes", peer->sent_bytes);
                json_array_append_new(peers, object);
        }
        return peers;
}

json_t *info_to_json(const char *path, const Trace *trace, const Summary *summary)
{
        json_t *info = json_object();

        json_object_set_new(info, "file", json_string(path));
        json_object_set_new(info, "payloads", json_boolean(trace->has_payloads));
        json_object_set_new(info, "cut_off", json_boolean(trace->cut_offset != 0));
        json_object_set_new(info, "facts", facts_json(trace));
        json_object_set_new(info, "seconds", json_real((double)trace->duration_ns / 1e9));
        set_count(info, "peers", trace->n_peers);
        set_count(info, "peers_before", summary->n_there);
        set_count(info, "peers_gone", summary->n_gone);
        set_count(info, "name_owners", summary->n_names);
        set_count(info, "rules_before", summary->n_rules_before);
        set_count(info, "rules_added", summary->n_rules_added);
        set_count(info, "rules_removed", summary->n_rules_removed);
        json_object_set_new(info, "messages", kinds_json(summary->n_messages));
        set_count(info, "calls_to_bus", summary->n_calls_to_bus);
        set_count(info, "answers_of_bus", summary->n_answers_of_bus);
        set_count(info, "signals_of_bus", summary->n_signals_of_bus);
        set_count(info, "calls_unanswered", summary->n_unanswered);
        set_count(info, "messages_in_busiest_second", summary->busiest_second);
        set_count(info, "body_bytes", summary->body_bytes);
        set_count(info, "fds", summary->n_fds);
        json_object_set_new(info, "bodies", histogram_json(&summary->bodies));
        json_object_set_new(info, "answers_ns", histogram_json(&summary->answers));
        json_object_set_new(info, "senders", peers_json(trace, summary));
        return info;
}

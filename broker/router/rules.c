/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/rules.h"

#include "broker/base/stage.h"
#include "proto/syntax.h"

/* A rule about a well-known sender pins that name, and may have it watched: then its owner's
 * snapshot changes. */
static bool rules_names_well_known(const MatchRule *rule)
{
        return text_present(rule->sender) && rule->sender.data[0] != ':' &&
               !text_equal(rule->sender, TEXT("org.freedesktop.DBus"));
}

static Endpoint *rules_find_unique(Router *router, Text name)
{
        if (!text_present(name) || name.data[0] != ':')
                return NULL;
        return names_find_unique(&router->names, name);
}

/* Registry lock and turn are held: the owner of a name that became watched, or ceased to be. */
static void rules_refresh_owner(Step *step, Name *name) LOCK_UNCHECKED
{
        Router *router = step->thread->router;
        NameOwner *owner = names_first_owner(name);
        NameSet *set;

        if (!owner)
                return;
        set = names_prepare_set(&step->thread->pool, owner->endpoint->n_owners);
        if (set) /* else: the old snapshot stays; matching by this name lags until the next change
                  */
                names_publish_set(&router->names, owner->endpoint, name, set);
}

void rules_read_counts(RouterThread *thread, const Endpoint *endpoint, unsigned *ret_n,
                       unsigned *ret_peak)
{
        turn_take(&thread->router->turn);
        *ret_n = endpoint->n_rules;
        *ret_peak = endpoint->peak_rules;
        turn_release(&thread->router->turn);
}

unsigned rules_count(RouterThread *thread, const Endpoint *endpoint)
{
        unsigned n, peak;

        rules_read_counts(thread, endpoint, &n, &peak);
        return n;
}

void rules_begin_capturing(Step *step) LOCK_UNCHECKED
{
        Router *router = step->thread->router;

        /* What was looked up and not pushed before this is looked up again, and sees it. */
        if (counter_add(&router->n_capturing, 1) == 1 && !STAGE_MUTANT(NO_EAVESDROP_EPOCH))
                names_raise_epochs(&router->names);
}

static void rules_count_in(Router *router, Endpoint *endpoint)
{
        endpoint->n_rules++;
        if (endpoint->n_rules > endpoint->peak_rules)
                endpoint->peak_rules = endpoint->n_rules;
        tally_add(&router->n_rules, 1);
        tally_raise(&router->peak_rules, tally_read(&router->n_rules));
        tally_raise(&router->peak_rules_per_connection, endpoint->n_rules);
}

/* Inside the turn (and the registry lock when `name`, or when it eavesdrops). */
static RulesResult rules_insert(Step *step, Endpoint *endpoint, const MatchRule *rule,
                                MatchEntry **entry, Name *name) LOCK_UNCHECKED
{
        Router *router = step->thread->router;
        const MatchesNamed named = {.name = name,
                                    .sender = rules_find_unique(router, rule->sender),
                                    .destination = rules_find_unique(router, rule->destination)};
        MatchEntry *old;

        if (endpoint->n_rules >= step->thread->root->limits.max_match_rules_per_connection)
                return RULES_LIMIT;
        old = matches_find_entry(&router->matches, endpoint, rule);
        if (old) {
                matches_repeat(old);
        } else {
                if (matches_add(&router->matches, &step->thread->pool, *entry, rule, &named) < 0)
                        return RULES_NO_MEMORY;
                if (name)
                        name->n_rules++;
                if (matches_entry_watches(*entry) && name->n_watching++ == 0)
                        rules_refresh_owner(step, name);
                *entry = NULL;
                if (rule->eavesdrop)
                        rules_begin_capturing(step);
                step_bump(step);
        }
        rules_count_in(router, endpoint);
        return RULES_OK;
}

RulesResult rules_add(RouterThread *thread, Endpoint *endpoint, const MatchRule *rule,
                      Message *reply) LOCK_UNCHECKED
{
        Router *router = thread->router;
        const bool by_name = rules_names_well_known(rule);
        const bool locks = by_name || rule->eavesdrop;
        MatchEntry *entry = matches_new_entry(rule, endpoint);
        RulesResult result = RULES_NO_MEMORY;
        Name *name = NULL;
        Step step;

        if (!entry)
                return RULES_NO_MEMORY;
        if (locks)
                lock_acquire(&router->names.lock);
        if (by_name)
                name = names_make(&router->names, &thread->pool, rule->sender);
        if (!by_name || name) {
                step_begin(&step, thread);
                result = rules_insert(&step, endpoint, rule, &entry, name);
                if (result == RULES_OK)
                        step_push_own(&step, endpoint, reply, STEP_PLAIN);
                step_end(&step);
        }
        if (name)
                names_drop_if_unused(&router->names, name);
        if (locks)
                lock_release(&router->names.lock);
        if (entry)
                matches_free_entry(entry);
        matches_grow(&router->matches, &router->turn);
        names_grow(&router->names);
        return result;
}

/* Inside the turn (and the registry lock when the entry has a name): one less. */
static void rules_take_out(Step *step, MatchEntry *entry)
{
        Router *router = step->thread->router;
        Name *name = matches_entry_name(entry);
        const bool eavesdrops = matches_entry_eavesdrops(entry);
        const bool watches = matches_entry_watches(entry);

        matches_entry_endpoint(entry)->n_rules--;
        tally_add(&router->n_rules, UINT64_C(0) - 1);
        if (!matches_remove(&router->matches, entry))
                return;
        if (eavesdrops)
                counter_subtract(&router->n_capturing, 1);
        if (name)
                name->n_rules--;
        if (watches && --name->n_watching == 0)
                rules_refresh_owner(step, name);
        step_bump(step);
}

RulesResult rules_remove(RouterThread *thread, Endpoint *endpoint, const MatchRule *rule,
                         Message *reply) LOCK_UNCHECKED
{
        Router *router = thread->router;
        const bool by_name = rules_names_well_known(rule);
        MatchEntry *entry;
        Name *name = NULL;
        Step step;

        if (by_name)
                lock_acquire(&router->names.lock);
        step_begin(&step, thread);
        entry = matches_find_entry(&router->matches, endpoint, rule);
        if (entry) {
                name = matches_entry_name(entry);
                rules_take_out(&step, entry);
                step_push_own(&step, endpoint, reply, STEP_PLAIN);
        }
        step_end(&step);
        if (name)
                names_drop_if_unused(&router->names, name);
        if (by_name)
                lock_release(&router->names.lock);
        return entry ? RULES_OK : RULES_NOT_FOUND;
}

/* Removes an entry however often it was added. */
static void rules_purge(Step *step, MatchEntry *entry) LOCK_UNCHECKED
{
        Name *name = matches_entry_name(entry);

        for (uint32_t n = matches_entry_count(entry); n > 0; n--)
                rules_take_out(step, entry);
        if (name)
                names_drop_if_unused(&step->thread->router->names, name);
}

void rules_leave(Step *step, Endpoint *endpoint)
{
        MatchEntry *entry;

        while ((entry = matches_first_entry(endpoint)))
                rules_purge(step, entry);
        while ((entry = matches_first_naming(endpoint)))
                rules_purge(step, entry);
        if (!list_contains_node(&endpoint->monitor_node))
                return;
        list_remove(&endpoint->monitor_node);
        counter_subtract(&step->thread->router->n_capturing, 1);
}

/* Inside the turn, and the registry lock when `name`. */
static RulesResult rules_insert_monitoring(Step *step, MatchEntry **entry, const MatchRule *rule,
                                           Name *name)
{
        Router *router = step->thread->router;
        const MatchesNamed named = {.name = name};

        if (matches_add(&router->matches, &step->thread->pool, *entry, rule, &named) < 0)
                return RULES_NO_MEMORY;
        if (name)
                name->n_rules++;
        rules_count_in(router, matches_entry_endpoint(*entry));
        *entry = NULL;
        return RULES_OK;
}

RulesResult rules_add_monitoring(RouterThread *thread, Endpoint *endpoint,
                                 const MatchRule *rule) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        MatchEntry *entry = matches_new_monitor_entry(rule, endpoint);
        RulesResult result = RULES_NO_MEMORY;
        Name *name = NULL;
        Step step;

        if (!entry)
                return RULES_NO_MEMORY;
        lock_acquire(&names->lock);
        if (rules_names_well_known(rule))
                name = names_make(names, &thread->pool, rule->sender);
        if (name || !rules_names_well_known(rule)) {
                step_begin(&step, thread);
                result = rules_insert_monitoring(&step, &entry, rule, name);
                step_end(&step);
        }
        if (name)
                names_drop_if_unused(names, name);
        lock_release(&names->lock);
        if (entry)
                matches_free_entry(entry);
        matches_grow(&thread->router->matches, &thread->router->turn);
        names_grow(names);
        return result;
}

void rules_forget_monitoring(RouterThread *thread, Endpoint *endpoint) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        MatchEntry *entry;
        Step step;

        lock_acquire(&names->lock);
        step_begin(&step, thread);
        while ((entry = matches_last_entry(endpoint)) && matches_entry_monitors(entry))
                rules_purge(&step, entry);
        step_end(&step);
        lock_release(&names->lock);
}

void rules_begin_monitoring(Step *step, Endpoint *endpoint)
{
        MatchEntry *entry;

        while ((entry = matches_first_entry(endpoint)) && !matches_entry_monitors(entry))
                rules_purge(step, entry);
        while ((entry = matches_first_naming(endpoint)))
                rules_purge(step, entry);
        endpoint->monitor = true;
        list_push_back(&step->thread->router->matches.monitors, &endpoint->monitor_node);
        step_bump(step);
}

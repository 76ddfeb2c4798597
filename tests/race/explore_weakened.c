/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows that the weak-memory explorer can fail, and that each memory order of broker/sync is there
 * for a reason: every property (acquire, release, sequential consistency) of every operation that a
 * scenario executes is taken away, alone, and some scenario has to fail then. The table of those
 * that C11 does not need says so for each; docs/LOCKFREE.md has the reasons. An entry of it that a
 * scenario does find is an error too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "tests/race/weak_scenarios.h"

enum { ALL_MAX = 64, LINE_SIZE = 256, NAME_SIZE = 64, N_LINES_MIN = 40 };

/* Orders that are stronger than any scenario shows to be needed: docs/LOCKFREE.md, "Orders that C11
 * would not need". */
static const WeakSite unneeded[] = {
        {"mailbox_raise_epoch", "cas", WEAK_ACQUIRE},
        {"owed_list_take", "load", WEAK_ACQUIRE},
        {"owed_list_seal", "exchange", WEAK_RELEASE},
        {"owed_state_consume", "cas", WEAK_ACQUIRE},
        {"stack_is_empty", "load", WEAK_SC},
        {"stack_is_empty", "load", WEAK_ACQUIRE},
        {"switch_clear", "exchange", WEAK_SC},
        {"switch_clear", "exchange", WEAK_RELEASE},
        {"table_find_next", "load", WEAK_ACQUIRE},
        {"table_settle", "store", WEAK_RELEASE},
        {"table_is_crowded", "load", WEAK_ACQUIRE},
        {"table_skip", "load", WEAK_ACQUIRE},
        {"wake_finish", "exchange", WEAK_ACQUIRE},
        {"wake_finish", "exchange", WEAK_RELEASE},
        {"wake_prepare", "exchange", WEAK_SC},
        {"wake_prepare", "exchange", WEAK_RELEASE},
        {"wake_up", "exchange", WEAK_SC},
        {"wake_up", "exchange", WEAK_ACQUIRE},
};

enum { N_UNNEEDED = ARRAY_SIZE(unneeded) };

typedef struct Site {
        WeakSite site;
        uint64_t scenarios; /* which execute it, as bits */
} Site;

static WeakScenario *all[ALL_MAX];
static unsigned n_all;
static Site sites[WEAK_SITES_MAX];
static unsigned n_sites;
static unsigned n_found, n_unneeded, n_wrong; /* weakened orders */

static void collect_scenarios(void)
{
        const WeakSuite *suites[] = {&weak_suite_mailbox, &weak_suite_names, &weak_suite_lists,
                                     &weak_suite_sleep, &weak_suite_table};

        for (unsigned i = 0; i < ARRAY_SIZE(suites); i++)
                for (WeakScenario *const *at = suites[i]->scenarios; *at; at++) {
                        assert_true(n_all < ALL_MAX);
                        if (!(*at)->is_large)
                                all[n_all++] = *at;
                }
}

static Site *find_site(const WeakSite *site)
{
        for (unsigned i = 0; i < n_sites; i++)
                if (strcmp(sites[i].site.function, site->function) == 0 &&
                    strcmp(sites[i].site.operation, site->operation) == 0)
                        return &sites[i];
        assert_true(n_sites < WEAK_SITES_MAX);
        sites[n_sites].site = (WeakSite){site->function, site->operation, 0};
        return &sites[n_sites++];
}

/* Which scenario executes what. */
static void collect_sites(void)
{
        for (unsigned i = 0; i < n_all; i++) {
                weak_n_sites = 0;
                if (!weak_run(all[i], true))
                        fail_msg("%s: %s", all[i]->name, weak_failure());
                for (unsigned j = 0; j < weak_n_sites; j++) {
                        Site *site = find_site(&weak_sites[j]);

                        site->site.properties |= weak_sites[j].properties;
                        site->scenarios |= UINT64_C(1) << i;
                }
        }
}

static int collect(void **state)
{
        (void)state;
        collect_scenarios();
        collect_sites();
        return 0;
}

static bool is_unneeded(const WeakSite *weakened)
{
        for (unsigned i = 0; i < N_UNNEEDED; i++)
                if (strcmp(unneeded[i].function, weakened->function) == 0 &&
                    strcmp(unneeded[i].operation, weakened->operation) == 0 &&
                    unneeded[i].properties == weakened->properties)
                        return true;
        return false;
}

static bool is_executed(const char *function)
{
        /* A mutant of the staged daemon (broker/base/stage.h): no other build calls it. */
        if (strcmp(function, "mailbox_exchange") == 0)
                return true;
        for (unsigned i = 0; i < n_sites; i++)
                if (strcmp(sites[i].site.function, function) == 0)
                        return true;
        return false;
}

/* The name of the function that begins in this line of a file in the project's style; or leaves
 * the name as it is. */
static void read_function_name(const char *line, char *name)
{
        size_t size = strcspn(line, "("), at = size;

        if (!isalpha((unsigned char)line[0]) || line[size] != '(')
                return;
        while (at > 0 && (isalnum((unsigned char)line[at - 1]) || line[at - 1] == '_'))
                at--;
        if (size - at < NAME_SIZE)
                snprintf(name, NAME_SIZE, "%.*s", (int)(size - at), line + at);
}

/* Counts the orders in the file; each one's function has to be in a scenario. */
static unsigned check_file(const char *path)
{
        static const char *const orders[] = {"memory_order_acquire", "memory_order_release",
                                             "memory_order_acq_rel", "memory_order_seq_cst"};
        char line[LINE_SIZE], name[NAME_SIZE] = "";
        unsigned n = 0;
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                read_function_name(line, name);
                for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
                        if (!strstr(line, orders[i]))
                                continue;
                        n++;
                        if (!is_executed(name))
                                fail_msg("%s: no scenario executes %s()", path, name);
                }
        }
        fclose(file);
        return n;
}

/* No order in broker/sync is left out. */
static void test_weakened_all_orders_of_the_sources_are_executed(void **state)
{
        glob_t files;
        unsigned n = 0;

        (void)state;
        assert_int_equal(glob(RINGBUS_SOURCE_DIR "/broker/sync/*.[ch]", 0, NULL, &files), 0);
        for (size_t i = 0; i < files.gl_pathc; i++)
                n += check_file(files.gl_pathv[i]);
        globfree(&files);
        print_message("%u lines with an order, all in functions that scenarios execute\n", n);
        assert_true(n >= N_LINES_MIN);
}

static const char *property_name(unsigned property)
{
        return property == WEAK_SC ? "seq_cst" : property == WEAK_ACQUIRE ? "acquire" : "release";
}

/* Whether a scenario fails without that property; prints the line of the table. */
static bool is_found(const Site *site, unsigned property)
{
        bool found = false;
        char label[80];

        weak_weakened = site->site;
        weak_weakened.properties = property;
        snprintf(label, sizeof(label), "%s: %s without %s", site->site.function,
                 site->site.operation, property_name(property));
        for (unsigned i = 0; i < n_all && !found; i++) {
                if (!(site->scenarios >> i & 1) || weak_run(all[i], false))
                        continue;
                found = true;
                print_message("%-58s %s, execution %llu: %s\n", label, all[i]->name,
                              (unsigned long long)all[i]->n_executions, weak_failure());
        }
        if (!found)
                print_message("%-58s not found\n", label);
        weak_weakened = (WeakSite){0};
        return found;
}

/* Each property of one operation, the weakest loss first: if that of sequential consistency is
 * found, then so are the others, which include it. */
static void weaken_site(const Site *site)
{
        static const unsigned properties[] = {WEAK_SC, WEAK_ACQUIRE, WEAK_RELEASE};

        for (unsigned i = 0; i < ARRAY_SIZE(properties); i++) {
                WeakSite weakened = site->site;
                bool found;

                if (!(weakened.properties & properties[i]))
                        continue;
                weakened.properties = properties[i];
                found = is_found(site, properties[i]);
                n_found += found;
                n_unneeded += !found;
                if (found == is_unneeded(&weakened)) {
                        n_wrong++;
                        print_message("    ^ not as expected\n");
                }
                if (found && properties[i] == WEAK_SC)
                        return;
        }
}

static void test_weakened_each_order_is_missed_or_known_to_be_unneeded(void **state)
{
        (void)state;
        for (unsigned i = 0; i < n_sites; i++)
                weaken_site(&sites[i]);
        print_message("%u weakened orders found, %u known to be unneeded, %u not as expected\n",
                      n_found, n_unneeded, n_wrong);
        assert_int_equal(n_wrong, 0);
        assert_int_equal(n_unneeded, N_UNNEEDED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_weakened_all_orders_of_the_sources_are_executed),
                cmocka_unit_test(test_weakened_each_order_is_missed_or_known_to_be_unneeded),
        };

        return cmocka_run_group_tests(tests, collect, NULL);
}

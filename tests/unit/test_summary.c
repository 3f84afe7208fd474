/* SPDX-License-Identifier: MIT
 *
 * The summary where there is more than it has room for: what is grave is told, whatever came before it.
 */
#include "suite.h"
#include "table.h"

#include "classify/pressure/incident.h"
#include "report/report.h"

#include <string.h>

enum { MANY = 200 }; /* more than the summary keeps */

static struct tca_incident incident_at(enum tca_finding_id id, unsigned host)
{
    struct tca_incident one = {.id = id,
                               .confidence = TCA_CERTAIN,
                               .scope = TCA_SCOPE_LISTENER,
                               .capture = 1,
                               .addr = {[10] = 0xff, 0xff, 10, 0, (uint8_t)(host >> 8), (uint8_t)host},
                               .port = 80,
                               .family = 4,
                               .first_ns = 1700000000000000000 + host * INT64_C(60000000000)};

    one.last_ns = one.first_ns + 1000000;
    return one;
}

static void add_many(struct tca_summary *sum, enum tca_finding_id id, unsigned from, unsigned count,
                     const struct tca_capture_facts *facts)
{
    for (unsigned at = from; at < from + count; at++) {
        const struct tca_incident one = incident_at(id, at);
        ck_assert_int_eq(tca_summary_incident(sum, &one, facts), 0);
    }
}

/* So many harmless ones before a grave one, so many behind it. */
static const struct {
    unsigned before, behind;
} grave_among[] = {{0, 0}, {5, 5}, {MANY, 0}, {MANY, MANY}, {0, MANY}};

START_TEST(grave_one)
{
    const unsigned before = grave_among[_i].before, behind = grave_among[_i].behind;
    const struct tca_capture_facts facts = {
        .ordinal = 1, .name = "c.pcap", .status = "ok", .first_ns = 1, .last_ns = 2};
    struct tca_summary *sum;
    struct tca_buf out = {0};

    ck_assert_int_lt(tca_findings[TCA_syncookie_interval].severity,
                     tca_findings[TCA_syn_flood_spoofed].severity);
    ck_assert_int_eq(tca_summary_new(&sum), 0);
    ck_assert_int_eq(tca_summary_capture(sum, &facts), 0);
    add_many(sum, TCA_syncookie_interval, 0, before, &facts);
    add_many(sum, TCA_syn_flood_spoofed, MANY, 1, &facts);
    add_many(sum, TCA_syncookie_interval, MANY + 1, behind, &facts);
    ck_assert_int_eq(tca_summary_write(sum, write_to_buf, &out), 0);
    tca_buf_char(&out, 0);
    ck_assert_msg(strstr(out.bytes, "!! syn_flood_spoofed at 10.0.0.200:80"), "%s", out.bytes);
    unsigned lines = 0;
    for (const char *at = out.bytes; *at; at++)
        lines += *at == '\n';
    ck_assert_uint_le(lines, 25);
    ck_assert_msg(before + behind < MANY || strstr(out.bytes, " more at further servers"), "%s", out.bytes);
    tca_summary_free(sum);
    tca_buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("summary");

    add_case(suite, "grave one", grave_one, ROWS(grave_among));
    return run_suite(suite);
}

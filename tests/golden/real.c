/* SPDX-License-Identifier: MIT
 *
 * Captures that nobody here made: whatever they hold, the books must balance.
 *
 *     packets read = number in the folder's README = sum of all outcomes
 *     TCP packets  = sum of client_pkts and server_pkts over the flows
 *     rows in their documented order, every row as wide as the schema says
 *
 * TAP, one line per capture. The folder is the argument, else TCPAUTOPSY_REAL; without it everything is
 * skipped.
 */
#include "files.h"
#include "table.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/registry.h>

enum { PATH_BYTES_MAX = 1024 };

/* Expected failures: the capture, and why. At present none. */
static const struct known_gap {
    const char *file, *why;
} gaps[] = {
    {NULL, NULL},
};

/* "| NAME | ... | packets | streams |": the number in the column before the last. False without such a line.
 */
static bool documented_packets(const struct tca_buf *readme, const char *name, long *ret_packets)
{
    char begin[PATH_BYTES_MAX], line[4096];

    snprintf(begin, sizeof begin, "\n| %s |", name);
    const char *at = memmem(readme->bytes, readme->used, begin, strlen(begin));
    if (!at)
        return false;
    size_t left = readme->used - (size_t)(at + 1 - readme->bytes);
    snprintf(line, sizeof line, "%.*s", (int)(left < sizeof line ? left : sizeof line - 1), at + 1);
    line[strcspn(line, "\n")] = '\0';
    for (int bars = 3; bars; bars--) { /* the closing bar, the one before streams, the one before packets */
        char *bar = strrchr(line, '|');
        if (!bar)
            return false;
        *ret_packets = strtol(bar + 1, NULL, 10);
        *bar = '\0';
    }
    return true;
}

/* ---- checks: each adds a line to `why` for what is wrong ---- */

static void check_width(const struct table *table, const char *name, struct tca_buf *why)
{
    struct tca_column_info info;
    size_t count = 0;

    for (size_t i = 0; tca_registry_column(i, &info); i++) {
        if (strcmp(info.table, name) != 0)
            continue;
        if (table->rows && (count >= table->columns || strcmp(table->name[count], info.name) != 0))
            tca_buf_fmt(why, "%s: column %zu is not %s\n", name, count + 1, info.name);
        count++;
    }
    if (table->uneven || (table->rows && table->columns != count))
        tca_buf_fmt(why, "%s: rows are not all %zu columns wide\n", name, count);
}

static void check_outcomes(const struct table *captures, struct tca_buf *why)
{
    int64_t sum = 0, packets = table_number(captures, 0, "packets");

    for (size_t i = 0; i < captures->columns; i++)
        if (strncmp(captures->name[i], "n_", 2) == 0)
            sum += strtoll(captures->cell[i], NULL, 10);
    if (sum != packets)
        tca_buf_fmt(why, "the outcomes add up to %lld of %lld packets\n", (long long)sum, (long long)packets);
}

static void check_tcp_packets(const struct table *flows, const struct table *captures, struct tca_buf *why)
{
    int64_t sum = 0, tcp = table_number(captures, 0, "n_tcp");

    for (size_t i = 0; i < flows->rows; i++)
        sum += table_number(flows, i, "client_pkts") + table_number(flows, i, "server_pkts");
    if (sum != tcp || tcp != table_number(captures, 0, "tcp_packets"))
        tca_buf_fmt(why, "%lld TCP packets, but the flows hold %lld\n", (long long)tcp, (long long)sum);
    if ((int64_t)flows->rows != table_number(captures, 0, "flows"))
        tca_buf_fmt(why, "%zu rows of flows are not the %s that captures tells\n", flows->rows,
                    table_cell(captures, 0, "flows"));
}

static void check_order(const struct table *table, const char *name, const char *time, const char *frame,
                        struct tca_buf *why)
{
    for (size_t i = 1; i < table->rows; i++) {
        int64_t before = table_number(table, i - 1, time), now = table_number(table, i, time);
        if (now > before ||
            (now == before && table_number(table, i, frame) >= table_number(table, i - 1, frame)))
            continue;
        tca_buf_fmt(why, "%s: row %zu belongs before row %zu\n", name, i + 1, i);
        return;
    }
}

static void check_tables(struct tca_session *session, long documented, struct tca_buf *why)
{
    struct table flows = {0}, events = {0}, captures = {0};
    struct tca_error error = {0};

    if (table_read(session, "flows", &flows, &error) || table_read(session, "events", &events, &error) ||
        table_read(session, "captures", &captures, &error)) {
        tca_buf_fmt(why, "a table cannot be had: %s\n", error.text);
    } else {
        check_width(&flows, "flows", why);
        check_width(&events, "events", why);
        check_width(&captures, "captures", why);
        check_outcomes(&captures, why);
        check_tcp_packets(&flows, &captures, why);
        check_order(&flows, "flows", "start_ns", "first_frame", why);
        check_order(&events, "events", "time_ns", "frame", why);
        if (captures.rows != 1 || table_number(&captures, 0, "packets") != documented)
            tca_buf_fmt(why, "packets are %s, documented are %ld; status %s: %s\n",
                        table_cell(&captures, 0, "packets"), documented, table_cell(&captures, 0, "status"),
                        table_cell(&captures, 0, "message"));
    }
    table_done(&flows);
    table_done(&events);
    table_done(&captures);
}

static int run(const char *path, struct tca_session **ret_session, struct tca_error *error)
{
    struct tca_settings *set = tca_settings_new();
    int rc = set ? tca_session_open(set, ret_session, error) : TCA_EMEMORY;

    tca_settings_free(set);
    if (rc)
        return rc;
    rc = tca_session_read(*ret_session, path, error);
    if (rc && rc != TCA_EINPUT && rc != TCA_EUNSUPPORTED)
        return rc;
    return tca_session_finish(*ret_session, error);
}

/* ---- one capture ---- */

static const char *gap_of(const char *name)
{
    const struct known_gap *gap = gaps;

    while (gap->file && strcmp(gap->file, name) != 0)
        gap++;
    return gap->why;
}

struct one {
    unsigned *number, *failed; /* shared with the process that runs it */
    const char *folder, *name;
    const struct tca_buf *readme;
};

static void look_into(const struct one *one, struct tca_buf *why)
{
    char path[PATH_BYTES_MAX];
    struct tca_session *session = NULL;
    struct tca_error error = {0};
    long documented;

    snprintf(path, sizeof path, "%s/%s", one->folder, one->name);
    if (!documented_packets(one->readme, one->name, &documented))
        tca_buf_str(why, "README.md does not say how many packets it holds\n");
    else if (run(path, &session, &error))
        tca_buf_fmt(why, "%s\n", error.text);
    else
        check_tables(session, documented, why);
    tca_session_free(session);
}

static void test_capture(void *user)
{
    const struct one *one = user;
    struct tca_buf why = {0};
    const char *gap = gap_of(one->name);

    look_into(one, &why);
    bool good = !why.used;
    printf("%s %u real/%s%s%s\n", good ? "ok" : "not ok", ++*one->number, one->name, gap ? " # TODO " : "",
           gap ? gap : "");
    tap_comment(&why);
    tca_buf_done(&why);
    if (good != !gap)
        ++*one->failed;
}

static bool is_capture(const char *name)
{
    return strstr(name, ".pcap") != NULL;
}

static int test_folder(const char *folder, const struct names *files, const struct tca_buf *readme)
{
    unsigned *count = tap_shared(2 * sizeof *count);

    if (!count)
        return 2;
    for (size_t i = 0; i < files->count; i++) {
        struct one one = {&count[0], &count[1], folder, files->name[i], readme};
        char label[PATH_BYTES_MAX];
        snprintf(label, sizeof label, "real/%s", one.name);
        if (is_capture(one.name) && tap_apart(test_capture, &one, label, one.number))
            ++*one.failed;
    }
    printf("1..%u\n", count[0]);
    return count[1] != 0;
}

int main(int argc, char **argv)
{
    const char *named = getenv("TCPAUTOPSY_REAL"), *folder = named ? named : argc > 1 ? argv[1] : NULL;
    struct names files = {0};
    struct tca_buf readme = {0};
    char path[PATH_BYTES_MAX];

    if (folder)
        snprintf(path, sizeof path, "%s/README.md", folder);
    if (!folder || !names_list(folder, &files) || !file_read(path, &readme)) {
        puts("1..0 # SKIP the captures from elsewhere are not here; name their folder in TCPAUTOPSY_REAL");
        names_done(&files);
        return 0;
    }
    int status = test_folder(folder, &files, &readme);
    names_done(&files);
    tca_buf_done(&readme);
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 *     item 1: 3 files, 12.4 MB
 *       one capture: cut into pieces while it was written
 *         c1 2026-11-21T07:33:07.121Z            ring_00001.pcap
 *         c2 2026-11-21T07:34:07.130Z  +0.009 s  ring_00002.pcap
 *         c3 2026-11-21T07:36:07.114Z  +59.9 s   ring_00004.pcap, a piece is missing before it
 *
 * c1 is what flow_id and frames are told with: what is packed and was not looked into may hold several captures, and from there
 * on the numbers are not known before all is read.
 */
#include "planned.h"

#include "say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_bytes(uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
    unsigned at = 0;
    double value = (double)bytes;
    for (; value >= 1000 && at < 4; at++)
        value /= 1000;
    printf("%.*f %s", at ? 1 : 0, value, unit[at]);
}

static void print_time(int64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    char text[40];
    struct tm tm;
    if (time_ns < 0 || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
        printf("%-24s", "-");
    else
        printf("%s.%03dZ", text, (int)(time_ns / 1000000 % 1000));
}

static void print_file(const struct tca_plan_file *file, bool first, uint64_t ordinal)
{
    char number[24] = "-", quiet[32] = "";
    if (ordinal)
        snprintf(number, sizeof number, "c%" PRIu64, ordinal);
    if (!first && file->first_ns >= 0)
        snprintf(quiet, sizeof quiet, "%+.3f s", (double)file->quiet_ns / 1e9);
    printf("    %-5s ", number);
    print_time(file->first_ns);
    printf(" %12s  ", quiet);
    put_clean(stdout, strcmp(file->name, "-") == 0 ? "standard input" : file->name);
    printf("%s\n", file->missing ? ", a piece is missing before it" : "");
}

/* *ordinal: of the next file; 0 once it is not known. */
static void print_unit(const struct tca_plan_unit *unit, uint64_t *ordinal)
{
    fputs("  ", stdout);
    put_clean(stdout, unit->why);
    putchar('\n');
    for (size_t at = 0; at < unit->files; at++) {
        print_file(&unit->file[at], at == 0, *ordinal);
        *ordinal = *ordinal && unit->file[at].captures ? *ordinal + unit->file[at].captures : 0;
    }
}

void planned_print(const struct tca_plan *plan, const unsigned *share_of)
{
    uint64_t ordinal = 1;
    for (size_t at = 0; at < tca_plan_items(plan); at++) {
        const struct tca_plan_item *item = tca_plan_item(plan, at);
        size_t files = 0;
        for (size_t unit = 0; unit < item->units; unit++)
            files += item->unit[unit].files;
        printf("item %zu: %zu file%s, ", at + 1, files, plural(files));
        print_bytes(item->bytes);
        if (item->units > 1)
            printf(", %zu captures", item->units);
        if (share_of)
            printf(", shard %u", share_of[at]);
        putchar('\n');
        for (size_t unit = 0; unit < item->units; unit++)
            print_unit(&item->unit[unit], &ordinal);
    }
}

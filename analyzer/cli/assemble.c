/* SPDX-License-Identifier: MIT
 *
 *     part 1.1 1.2 .. -> load --+
 *     part 2.1 2.2 .. -> load --+-> finish -> tables, each under a temporary name until it is whole
 *
 * The order is that of the plan, so that captures have the numbers that one run over all inputs gives them.
 */
#include "assemble.h"

#include "say.h"
#include "setup.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>

/* ---- which parts there are ---- */

int parts_new(const struct manifest *m, struct parts *ret)
{
    *ret = (struct parts){.manifest = m,
                          .path = calloc(m->lot_count * manifest_parts(m) + 1, sizeof *ret->path)};
    if (ret->path)
        return 0;
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

void parts_done(struct parts *parts)
{
    for (size_t at = 0; parts->path && at < parts->manifest->lot_count * manifest_parts(parts->manifest);
         at++)
        free(parts->path[at]);
    free(parts->path);
    *parts = (struct parts){0};
}

char **parts_at(const struct parts *parts, size_t lot, unsigned share)
{
    return &parts->path[lot * manifest_parts(parts->manifest) +
                        (manifest_parts(parts->manifest) > 1 ? share - 1 : 0)];
}

size_t parts_missing(const struct parts *parts)
{
    size_t missing = 0;
    for (size_t at = 0; at < parts->manifest->lot_count * manifest_parts(parts->manifest); at++)
        missing += !parts->path[at];
    return missing;
}

static unsigned share_of(const struct manifest *m, size_t at)
{
    return m->by == BY_HASH ? (unsigned)(at % m->shares) + 1 : m->lot[at].share;
}

/* Bits of shares, from 1, that have to run again. NULL without memory. */
static bool *shares_missing(const struct parts *parts)
{
    const struct manifest *m = parts->manifest;
    bool *missing = calloc(m->shares + 2, sizeof *missing);
    for (size_t at = 0; missing && at < m->lot_count * manifest_parts(m); at++)
        if (!parts->path[at])
            missing[share_of(m, at)] = true;
    return missing;
}

/* "3,7-9"; NULL without memory. */
static char *list_of(const bool *missing, unsigned shares)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    if (!to)
        return NULL;
    for (unsigned first = 1, last; first <= shares; first = last + 1) {
        for (last = first; missing[first] && last < shares && missing[last + 1];)
            last++;
        if (!missing[first])
            continue;
        fprintf(to, "%s%u", ftell(to) ? "," : "", first);
        if (last > first)
            fprintf(to, "-%u", last);
    }
    const bool bad = ferror(to);
    if (!fclose(to) && !bad)
        return text;
    free(text);
    return NULL;
}

int parts_print_missing(const struct parts *parts)
{
    bool *missing = shares_missing(parts);
    char *list = missing ? list_of(missing, parts->manifest->shares) : NULL;
    const int code = list ? 0 : TCA_EMEMORY;
    if (!list)
        say("memory is out: close other programs");
    else if (*list)
        puts(list);
    free(list);
    free(missing);
    return code;
}

void parts_say_missing(const struct parts *parts)
{
    enum { SHOWN = 5 };
    const struct manifest *m = parts->manifest;
    size_t shown = 0, missing = parts_missing(parts), each = manifest_parts(m);
    for (size_t at = 0; at < m->lot_count * each && shown < SHOWN; at++) {
        if (parts->path[at])
            continue;
        say("%s%s by shard %u: not there", m->item[m->lot[at / each].first].name,
            m->lot[at / each].count > 1 ? " and what follows it" : "", share_of(m, at));
        shown++;
    }
    say("%zu of %zu parts are missing: run these shards again (merge --missing lists them)", missing,
        m->lot_count * each);
    if (missing == m->lot_count * each)
        say("a scan that has written its tables keeps its parts with --keep-parts only");
}

/* ---- loading ---- */

static int load_all(const struct parts *parts, struct tca_session *session)
{
    unsigned each = manifest_parts(parts->manifest);
    for (size_t lot = 0; lot < parts->manifest->lot_count && !signals_any(); lot++) {
        struct tca_error error = {.offset = -1};
        char *const *path = parts_at(parts, lot, 1);
        int code = tca_session_load(session, (const char *const *)path, each, &error);
        if (code) {
            say_error(NULL, &error); /* it names the part */
            return code;
        }
    }
    return 0;
}

static int finish(struct result *result)
{
    struct tca_error error = {.offset = -1};
    int code = tca_session_finish(result->session, &error);
    if (code || (error.text[0] && !request_has(result->req, OPTION_quiet)))
        say_error(NULL, &error);
    return code;
}

/* ---- what was bad ---- */

struct count {
    size_t unreadable, captures;
    bool strict;
};

/* A tca_row_fn of captures. */
static int count_row(void *user, const struct tca_row *row)
{
    struct count *count = user;
    const char *status = "";
    for (size_t at = 0; at < row->count; at++)
        if (strcmp(row->name[at], "status") == 0)
            status = row->cell[at];
    count->captures++;
    count->unreadable += strcmp(status, "damaged") == 0 || strcmp(status, "unsupported") == 0 ||
                         (count->strict && strcmp(status, "truncated") == 0);
    return 0;
}

static int count_unreadable(struct result *result)
{
    struct tca_error error = {.offset = -1};
    struct count count = {.strict = request_has(result->req, OPTION_strict)};
    int code = tca_session_table(result->session, "captures", count_row, &count, &error);
    if (code)
        say_error(NULL, &error);
    result->unreadable = count.unreadable;
    result->captures = count.captures;
    return code;
}

int assemble(const struct parts *parts, const struct tca_settings *set, const char *directory,
             struct result *result)
{
    int code = setup_open(set, &result->session);
    if (!code)
        code = load_all(parts, result->session);
    if (!code && !signals_any())
        code = finish(result);
    if (!code && !signals_any())
        code = count_unreadable(result);
    if (!code && !signals_any())
        code = product_write_all(result, directory, true);
    return code;
}

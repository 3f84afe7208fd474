/* SPDX-License-Identifier: MIT
 *
 * The manifest as a file, and what to say where the one that is there is of another scan.
 *
 * Whoever reads it trusts nothing: it may come from elsewhere. The last line tells how many items there are, so that one that was cut
 * is no manifest.
 */
#include "manifest_own.h"

#include "cells.h"
#include "output.h"
#include "say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORMAT = 1, CELLS = 5, OPTIONS_MAX = 1024 };

/* ---- the file ---- */

static void put_line(FILE *to, const char *kind, const char *key, const char *value)
{
    cell_put(to, true, kind);
    cell_put(to, false, key);
    cell_put(to, false, value);
    fputs(",,\n", to);
}

static void put_number(FILE *to, const char *kind, const char *key, unsigned number)
{
    char text[24];
    snprintf(text, sizeof text, "%u", number);
    put_line(to, kind, key, text);
}

static void put_all(const struct manifest *m, FILE *to)
{
    fputs("kind,key,value,lot,shard\n", to);
    put_number(to, "scan", "format", FORMAT);
    put_line(to, "scan", "version", m->version);
    put_line(to, "scan", "plan", m->plan);
    put_line(to, "scan", "options", m->options);
    put_line(to, "scan", "by", share_by_name[m->by]);
    put_number(to, "scan", "shards", m->shares);
    for (size_t at = 0; at < m->option_count; at++)
        put_line(to, "option", m->option[at].name, m->option[at].value);
    for (size_t lot = 0; lot < m->lot_count; lot++)
        for (size_t at = m->lot[lot].first; at < m->lot[lot].first + m->lot[lot].count; at++) {
            fprintf(to, "item,%016" PRIx64, m->item[at].id);
            cell_put(to, false, m->item[at].name);
            fprintf(to, ",%zu,%u\n", lot + 1, m->lot[lot].share);
        }
    put_number(to, "end", "items", (unsigned)m->item_count);
}

int manifest_put(const struct manifest *m, const char *path)
{
    struct output out;
    if (!output_open(&out, path))
        return TCA_EOUTPUT;
    put_all(m, out.file);
    return output_commit(&out) ? 0 : TCA_EOUTPUT;
}

static bool take_scan(struct manifest *m, const char *key, const char *value)
{
    uint64_t number = 0;
    if (strcmp(key, "format") == 0)
        return cell_count(value, &number) && number == FORMAT;
    if (strcmp(key, "shards") == 0 && cell_count(value, &number) && number && number <= SHARES_MAX)
        return (m->shares = (unsigned)number) != 0;
    if (strcmp(key, "by") == 0) {
        m->by = strcmp(value, share_by_name[BY_HASH]) == 0 ? BY_HASH : BY_SERIES;
        return strcmp(value, share_by_name[m->by]) == 0;
    }
    char *digest = strcmp(key, "plan") == 0 ? m->plan : strcmp(key, "options") == 0 ? m->options : NULL;
    if (digest && strlen(value) == 32)
        return strcpy(digest, value) != NULL;
    if (strcmp(key, "version") == 0 && !m->version)
        return (m->version = strdup(value)) != NULL;
    return false;
}

/* Room for one more item, and one more lot. */
static bool make_room(struct manifest *m, size_t *room)
{
    if (m->item_count < *room)
        return true;
    size_t more = *room ? 2 * *room : 64;
    struct manifest_item *item = realloc(m->item, more * sizeof *item);
    if (item)
        m->item = item;
    struct manifest_lot *lot = realloc(m->lot, more * sizeof *lot);
    if (lot)
        m->lot = lot;
    if (item && lot)
        *room = more;
    return item && lot;
}

/* Lots count up, and have one share. */
static bool take_lot(struct manifest *m, uint64_t number, unsigned share)
{
    if (number == m->lot_count + 1)
        m->lot[m->lot_count++] = (struct manifest_lot){.first = m->item_count, .share = share};
    if (!number || number != m->lot_count || m->lot[number - 1].share != share)
        return false;
    m->lot[number - 1].count++;
    return true;
}

static bool take_item(struct manifest *m, char *const *cell, size_t *room)
{
    uint64_t id, lot, share;
    if (!cell_hex(cell[1], &id) || !cell_count(cell[3], &lot) || !cell_count(cell[4], &share) ||
        share > m->shares || !make_room(m, room) || !take_lot(m, lot, (unsigned)share))
        return false;
    struct manifest_item *item = &m->item[m->item_count++];
    *item = (struct manifest_item){id, strdup(cell[2])};
    return item->name != NULL;
}

/* *room: of the items; SIZE_MAX once the last line was met. */
static bool take_line(struct manifest *m, char *line, size_t *room)
{
    char *cell[CELLS];
    uint64_t count;
    if (*room == SIZE_MAX || cells_cut(line, cell, CELLS) != CELLS)
        return false;
    if (strcmp(cell[0], "scan") == 0)
        return take_scan(m, cell[1], cell[2]);
    if (strcmp(cell[0], "item") == 0)
        return take_item(m, cell, room);
    if (strcmp(cell[0], "option") == 0) {
        bool reads = strcmp(cell[1], "sysctl") == 0 && cell[2][0] == '@'; /* ours hold no names of files */
        return !reads && m->option_count < OPTIONS_MAX &&
               manifest_add_option(m, cell[1], strdup(cell[2])) == 0;
    }
    if (strcmp(cell[0], "end") != 0 || !cell_count(cell[2], &count) || count != m->item_count)
        return false;
    *room = SIZE_MAX;
    return true;
}

/* Shares in range of what is there to be dealt. */
static bool is_sound(const struct manifest *m)
{
    if (!m->version || !m->plan[0] || !m->options[0] || !m->shares ||
        (m->by == BY_HASH && m->shares > HASH_SHARES_MAX))
        return false;
    for (size_t at = 0; at < m->lot_count; at++)
        if ((m->lot[at].share == 0) != (m->by == BY_HASH))
            return false;
    char digest[33];
    manifest_digest_options(m, digest);
    return strcmp(digest, m->options) == 0;
}

static bool read_all(FILE *file, struct manifest *m)
{
    char *line = NULL;
    size_t size = 0, room = 0;
    bool good = getline(&line, &size, file) > 0 && strcmp(line, "kind,key,value,lot,shard\n") == 0;
    for (ssize_t got; good && (got = getline(&line, &size, file)) > 0;) {
        good = line[got - 1] == '\n' && strlen(line) == (size_t)got;
        line[got - 1] = '\0';
        good = good && take_line(m, line, &room);
    }
    free(line);
    return good && !ferror(file) && room == SIZE_MAX && is_sound(m);
}

int manifest_read(const char *path, struct manifest *ret, bool *ret_there)
{
    struct stat st;
    *ret = (struct manifest){0};
    *ret_there = false;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* which might never end */
        say("%s: is no file: name another directory", path);
        return TCA_EINPUT;
    }
    FILE *file = fopen(path, "r");
    *ret_there = file != NULL;
    if (!file && errno == ENOENT)
        return 0;
    if (!file) {
        say_failed(path, "cannot be read", false);
        return TCA_EINPUT;
    }
    bool good = read_all(file, ret), unread = ferror(file);
    int reason = errno;
    fclose(file);
    if (good)
        return 0;
    if (unread) {
        say("%s: cannot be read: %s", path, strerror(reason));
        manifest_done(ret);
        return TCA_EINPUT;
    }
    say("%s: no manifest of a scan of this version, or damaged: name another directory", path);
    manifest_done(ret);
    return TCA_EINPUT;
}

/* ---- is it ours? ---- */

static const struct manifest_option *option_named(const struct manifest *m, const char *name, size_t nth)
{
    for (size_t at = 0; at < m->option_count; at++)
        if (strcmp(m->option[at].name, name) == 0 && nth-- == 0)
            return &m->option[at];
    return NULL;
}

/* The first option that one has and the other has not, or with another value. */
static const char *other_option(const struct manifest *a, const struct manifest *b)
{
    for (size_t at = 0; at < a->option_count; at++) {
        const struct manifest_option *one = &a->option[at];
        size_t nth = 0;
        for (size_t before = 0; before < at; before++)
            nth += strcmp(a->option[before].name, one->name) == 0;
        const struct manifest_option *other = option_named(b, one->name, nth);
        if (!other || strcmp(one->value, other->value) != 0)
            return one->name;
    }
    return NULL;
}

static bool same_options(const struct manifest *there, const struct manifest *ours, const char *where)
{
    if (strcmp(there->options, ours->options) == 0)
        return true;
    const char *name = other_option(there, ours);
    if (!name)
        name = other_option(ours, there);
    if (name)
        say("%s: is of a scan with another --%s: give the same options, or another directory", where, name);
    else
        say("%s: is of a scan whose options came in another order: give them as then, or another directory",
            where);
    return false;
}

static bool same_plan(const struct manifest *there, const struct manifest *ours, const char *where)
{
    size_t at = 0;
    if (strcmp(there->plan, ours->plan) == 0)
        return true;
    while (at < there->item_count && at < ours->item_count && there->item[at].id == ours->item[at].id)
        at++;
    if (at < there->item_count && at < ours->item_count &&
        strcmp(there->item[at].name, ours->item[at].name) == 0)
        say("%s: item %zu (%s) is not as it was then: changed, or grouped in another way: give another "
            "directory",
            where, at + 1, ours->item[at].name);
    else if (at < there->item_count)
        say("%s: is of a scan of other inputs: its item %zu was %s, now %s: give the same inputs, or another "
            "directory",
            where, at + 1, there->item[at].name,
            at < ours->item_count ? ours->item[at].name : "there is none");
    else
        say("%s: is of a scan of other inputs: %zu items then, %zu now: give the same inputs, or another "
            "directory",
            where, there->item_count, ours->item_count);
    return false;
}

bool manifest_same(const struct manifest *there, const struct manifest *ours, const char *where)
{
    if (strcmp(there->version, ours->version) != 0) {
        say("%s: is of version %s of the program, this is %s: use that one, or another directory", where,
            there->version, ours->version);
        return false;
    }
    if (!same_options(there, ours, where) || !same_plan(there, ours, where))
        return false;
    if (there->shares == ours->shares && there->by == ours->by)
        return true;
    say("%s: is of a scan in %u shards by %s, not in %u by %s: give the same --shard and --by, or another "
        "directory",
        where, there->shares, share_by_name[there->by], ours->shares, share_by_name[ours->by]);
    return false;
}

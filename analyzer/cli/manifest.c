/* SPDX-License-Identifier: MIT
 *
 *     request + plan -> manifest -> file            scan
 *                       manifest <- file            scan --resume, other shards, merge
 *
 * Options are kept as they were typed, those that change no result left out, in the order of the option table; but --host,
 * --sysctl and --kernel among each other as typed, since each holds of the host before it. A file that an option names is kept with
 * its words: it may be another one, or none, where the parts are joined.
 */
#include "manifest.h"

#include "cells.h"
#include "output.h"
#include "say.h"
#include "setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/registry.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FORMAT = 1, CELLS = 5, FILE_MAX = 4 << 20, OPTIONS_MAX = 1024 };

static int memory_out(void)
{
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

/* ---- options ---- */

/* Results do not depend on these, or they are none of the library's. */
static bool is_kept(enum option option)
{
    static const bool aside[OPTION_COUNT] = {
        [OPTION_jobs] = true, [OPTION_memory] = true, [OPTION_temp_dir] = true};
    const struct option_info *info = &option_table[option];
    bool setting = info->kind == KIND_SETTING || info->kind == KIND_SWITCH;
    return (setting && !aside[option]) || option == OPTION_series;
}

static bool is_of_host(enum option option)
{
    return option == OPTION_host || option == OPTION_sysctl || option == OPTION_kernel;
}

static int add_option(struct manifest *m, const char *name, char *value)
{
    struct manifest_option *more =
        value ? realloc(m->option, (m->option_count + 1) * sizeof *m->option) : NULL;
    char *copy = more ? strdup(name) : NULL;
    if (more)
        m->option = more;
    if (!copy) {
        free(value);
        return memory_out();
    }
    m->option[m->option_count++] = (struct manifest_option){copy, value};
    return 0;
}

/* The text of a file with settings; one line end at least, by which the library knows that it is text. */
static char *text_of(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = malloc(FILE_MAX + 2);
    size_t count = file && text ? fread(text, 1, FILE_MAX + 1, file) : 0;
    bool good = file && text && !ferror(file) && count <= FILE_MAX;
    if (!good)
        say("--sysctl @%s: cannot be kept: %s", path,
            file ? "it is too long for what sysctl prints" : strerror(errno));
    if (file)
        fclose(file);
    if (!good) {
        free(text);
        return NULL;
    }
    for (size_t at = 0; at < count; at++)
        if (!text[at])
            text[at] = '\n';
    text[count] = '\n';
    text[count + 1] = '\0';
    char *tight = realloc(text, count + 2);
    return tight ? tight : text;
}

static int keep_given(struct manifest *m, const struct given *given)
{
    const char *value = given->value ? given->value : "true";
    bool is_file = given->option == OPTION_sysctl && value[0] == '@';
    char *text = is_file ? text_of(value + 1) : strdup(value);
    if (is_file && !text)
        return TCA_EUSAGE;
    return add_option(m, option_table[given->option].name, text);
}

static int keep_options(struct manifest *m, const struct request *req)
{
    int code = req->filter ? add_option(m, option_table[OPTION_filter].name, strdup(req->filter)) : 0;
    for (int option = 0; option < OPTION_COUNT; option++)
        for (size_t at = 0; at < req->given_count && !code; at++)
            if (req->given[at].option == (enum option)option && is_kept((enum option)option) &&
                !is_of_host((enum option)option))
                code = keep_given(m, &req->given[at]);
    for (size_t at = 0; at < req->given_count && !code; at++)
        if (is_of_host(req->given[at].option))
            code = keep_given(m, &req->given[at]);
    return code;
}

static bool is_setting(const char *name)
{
    for (int option = 0; option < OPTION_COUNT; option++)
        if (strcmp(option_table[option].name, name) == 0)
            return option == OPTION_filter || (is_kept((enum option)option) && option != OPTION_series);
    return false;
}

int manifest_settings(const struct manifest *m, struct tca_settings *set)
{
    int code = 0;
    for (size_t at = 0; at < m->option_count && !code; at++)
        if (is_setting(m->option[at].name))
            code = setup_option(set, m->option[at].name, m->option[at].value);
    return code;
}

/* ---- digests ---- */

static void feed_text(XXH3_state_t *state, const char *text)
{
    XXH3_128bits_update(state, text, strlen(text) + 1);
}

static void feed_number(XXH3_state_t *state, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    feed_text(state, text);
}

static void digest_text(XXH3_state_t *state, char ret[33])
{
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(ret, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

static void digest_plan(const struct tca_plan *plan, char ret[33])
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t at = 0; at < tca_plan_items(plan); at++) {
        const struct tca_plan_item *item = tca_plan_item(plan, at);
        feed_number(&state, item->id);
        feed_number(&state, item->units);
        for (size_t unit = 0; unit < item->units; unit++) {
            feed_number(&state, item->unit[unit].files);
            for (size_t file = 0; file < item->unit[unit].files; file++)
                feed_text(&state, item->unit[unit].file[file].name);
        }
    }
    digest_text(&state, ret);
}

static void digest_options(const struct manifest *m, char ret[33])
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t at = 0; at < m->option_count; at++) {
        feed_text(&state, m->option[at].name);
        feed_text(&state, m->option[at].value);
    }
    digest_text(&state, ret);
}

/* ---- from a plan ---- */

static int keep_items(struct manifest *m, const struct tca_plan *plan)
{
    size_t count = tca_plan_items(plan);
    m->item = calloc(count + 1, sizeof *m->item);
    for (; m->item && m->item_count < count; m->item_count++) {
        const struct tca_plan_item *item = tca_plan_item(plan, m->item_count);
        struct manifest_item *to = &m->item[m->item_count];
        *to = (struct manifest_item){item->id, strdup(item->unit->file->name)};
        if (!to->name)
            return memory_out();
    }
    return m->item ? 0 : memory_out();
}

/* An empty capture is some work as well. */
static uint64_t work_of(const struct tca_plan *plan, size_t item)
{
    enum { ITEM_WORK = 4096 };
    return tca_plan_item(plan, item)->bytes + ITEM_WORK;
}

/* Small enough that all shares and threads have some, large enough that files and syncs do not cost more than reading. */
static uint64_t lot_limit(const struct manifest *m, const struct tca_plan *plan)
{
    enum { LOT_WORK = 1 << 20, LOTS_PER_SHARE = 64 };
    uint64_t all = 0;
    for (size_t at = 0; at < m->item_count; at++)
        all += work_of(plan, at);
    all /= (uint64_t)LOTS_PER_SHARE * m->shares;
    return all < LOT_WORK ? all : LOT_WORK;
}

static int keep_lots(struct manifest *m, const struct tca_plan *plan)
{
    enum { LOT_ITEMS = 256 };
    uint64_t limit = lot_limit(m, plan);
    struct manifest_lot *lot = m->lot = calloc(m->item_count + 1, sizeof *m->lot);
    for (size_t at = 0; lot && at < m->item_count; at++) {
        uint64_t work = work_of(plan, at);
        if (!lot->count || lot->count == LOT_ITEMS || lot->work + work > limit)
            *(lot = &m->lot[m->lot_count++]) = (struct manifest_lot){.first = at};
        lot->count++;
        lot->work += work;
    }
    return lot ? 0 : memory_out();
}

static int deal_lots(struct manifest *m)
{
    uint64_t *work = calloc(m->lot_count + 1, sizeof *work);
    unsigned *share = calloc(m->lot_count + 1, sizeof *share);
    int code = work && share ? 0 : TCA_EMEMORY;
    for (size_t at = 0; !code && at < m->lot_count; at++)
        work[at] = m->lot[at].work;
    if (!code)
        code = shares_deal(work, m->lot_count, m->shares, share);
    for (size_t at = 0; !code && at < m->lot_count; at++)
        m->lot[at].share = share[at];
    free(work);
    free(share);
    return code ? memory_out() : 0;
}

int manifest_of(const struct request *req, const struct tca_plan *plan, const struct shares *shares,
                struct manifest *ret)
{
    *ret = (struct manifest){.version = strdup(tca_version()), .by = shares->by, .shares = shares->count};
    int code = ret->version ? keep_options(ret, req) : memory_out();
    if (!code)
        code = keep_items(ret, plan);
    if (!code)
        code = keep_lots(ret, plan);
    if (!code && ret->by == BY_SERIES)
        code = deal_lots(ret);
    digest_plan(plan, ret->plan);
    digest_options(ret, ret->options);
    return code;
}

void manifest_done(struct manifest *m)
{
    for (size_t at = 0; at < m->option_count; at++) {
        free(m->option[at].name);
        free(m->option[at].value);
    }
    for (size_t at = 0; m->item && at < m->item_count; at++)
        free(m->item[at].name);
    free(m->option);
    free(m->item);
    free(m->lot);
    free(m->version);
    *m = (struct manifest){0};
}

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
    char *name = strdup(cell[2]);
    if (name)
        m->item[m->item_count++] = (struct manifest_item){id, name};
    return name != NULL;
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
        return !reads && m->option_count < OPTIONS_MAX && add_option(m, cell[1], strdup(cell[2])) == 0;
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
    digest_options(m, digest);
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
    *ret = (struct manifest){0};
    FILE *file = fopen(path, "r");
    *ret_there = file != NULL;
    if (!file && errno == ENOENT)
        return 0;
    if (!file) {
        say("%s: cannot be read: %s", path, strerror(errno));
        return TCA_EINPUT;
    }
    bool good = read_all(file, ret);
    fclose(file);
    if (good)
        return 0;
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

/* ---- parts ---- */

static uint64_t lot_id(const struct manifest *m, size_t lot)
{
    const struct manifest_lot *l = &m->lot[lot];
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (size_t at = l->first; at < l->first + l->count; at++)
        feed_number(&state, m->item[at].id);
    return XXH3_64bits_digest(&state);
}

void manifest_label(const struct manifest *m, size_t lot, char ret[TCA_PART_LABEL_MAX + 1])
{
    snprintf(ret, TCA_PART_LABEL_MAX + 1, "scan %.64s plan %s options %s lot %zu of %zu %016" PRIx64,
             m->version, m->plan, m->options, lot + 1, m->lot_count, lot_id(m, lot));
}

bool manifest_fits(const struct manifest *m, const char *label, size_t *ret_lot, const char **ret_why)
{
    char version[65], plan[33], options[33], ours[TCA_PART_LABEL_MAX + 1];
    size_t lot, lots;
    if (sscanf(label, "scan %64s plan %32s options %32s lot %zu of %zu", version, plan, options, &lot,
               &lots) != 5)
        *ret_why = "was not written by scan";
    else if (strcmp(plan, m->plan) != 0)
        *ret_why = "is of a scan of other inputs";
    else if (strcmp(options, m->options) != 0)
        *ret_why = "is of a scan with other options";
    else if (lots != m->lot_count || !lot || lot > lots)
        *ret_why = "is of a scan in other shards";
    else if (manifest_label(m, lot - 1, ours), strcmp(label, ours) != 0)
        *ret_why = "is of another version of the program";
    else
        return (*ret_lot = lot - 1), true;
    return false;
}

/* 000012-00d1cf3e8b9c2a41.part, 000012-00d1cf3e8b9c2a41-3-of-7.part: the number of the lot. */
void manifest_part_name(const struct manifest *m, size_t lot, unsigned share, char ret[64])
{
    int used = snprintf(ret, 64, "%06zu-%016" PRIx64, lot + 1, lot_id(m, lot));
    if (m->by == BY_HASH)
        used += snprintf(ret + used, 64 - (size_t)used, "-%u-of-%u", share, m->shares);
    snprintf(ret + used, 64 - (size_t)used, ".part");
}

/* SPDX-License-Identifier: MIT
 *
 *     request + plan -> manifest -> file            scan
 *                       manifest <- file            scan --resume, other shards, merge
 *
 * Options are kept as they were typed, those that change no result left out, in the order of the option table; but --host,
 * --sysctl and --kernel among each other as typed, since each holds of the host before it. Of --anonymize only that it was given. A file that an option names is kept with
 * its words: it may be another one, or none, where the parts are joined.
 */
#include "manifest_own.h"

#include "say.h"
#include "setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/registry.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FILE_MAX = 4 << 20 };
static const char anonymized[] = "anonymized";

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
        [OPTION_jobs] = true, [OPTION_temp_dir] = true, [OPTION_anonymize] = true};
    const struct option_info *info = &option_table[option];
    bool setting = info->kind == KIND_SETTING || info->kind == KIND_SWITCH;
    return (setting && !aside[option]) || option == OPTION_series;
}

static bool is_of_host(enum option option)
{
    return option == OPTION_host || option == OPTION_sysctl || option == OPTION_kernel;
}

int manifest_add_option(struct manifest *m, const char *name, char *value)
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
    return manifest_add_option(m, option_table[given->option].name, text);
}

static int keep_options(struct manifest *m, const struct request *req)
{
    int code =
        req->filter ? manifest_add_option(m, option_table[OPTION_filter].name, strdup(req->filter)) : 0;
    for (int option = 0; option < OPTION_COUNT; option++)
        for (size_t at = 0; at < req->given_count && !code; at++)
            if (req->given[at].option == (enum option)option && is_kept((enum option)option) &&
                !is_of_host((enum option)option))
                code = keep_given(m, &req->given[at]);
    if (!code && request_has(req, OPTION_anonymize)) /* that it was, never the key */
        code = manifest_add_option(m, anonymized, strdup("true"));
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

bool manifest_anonymized(const struct manifest *m)
{
    for (size_t at = 0; at < m->option_count; at++)
        if (strcmp(m->option[at].name, anonymized) == 0)
            return true;
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

void manifest_digest_options(const struct manifest *m, char ret[33])
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
    m->lot = calloc(m->item_count + 1, sizeof *m->lot);
    if (!m->lot)
        return memory_out();
    for (size_t at = 0; at < m->item_count; at++) {
        uint64_t work = work_of(plan, at);
        struct manifest_lot *last = &m->lot[m->lot_count ? m->lot_count - 1 : 0];
        if (!m->lot_count || last->count == LOT_ITEMS || last->work + work > limit)
            *(last = &m->lot[m->lot_count++]) = (struct manifest_lot){.first = at};
        last->count++;
        last->work += work;
    }
    return 0;
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
    manifest_digest_options(ret, ret->options);
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

/* SPDX-License-Identifier: MIT
 *
 * Pieces of one key come in the order of time, and each goes to one of the series that are not over, or begins one. There are few
 * of these: as many as there were places to capture at. To which one a piece goes that may go to several, the numbers tell that
 * do not count: `host1_07.pcap` follows `host1_06.pcap`.
 *
 * What a piece is compared with has a limit, so that many files cost no more than so many times one.
 */
#include "plan/series.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "plan/missing.h"
#include "plan/name.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPEN_MAX = 8,   /* series of one key that are not over */
    RECENT_MAX = 8, /* pieces of one that a new piece is compared with */
};

static const int64_t HOUR_NS = INT64_C(3600) * 1000000000;

/* Why a unit begins. */
enum reason {
    FIRST,
    LINK,  /* others of its key have another link type */
    TWIN,  /* its first piece shows what another series shows */
    QUIET, /* the series before it was over */
};

struct series {
    uint32_t unit;
    int64_t oldest_ns, newest_ns;
    struct tca_piece *recent[RECENT_MAX];
    size_t pieces;
    const struct tca_piece *last;
};

/* What is said of a unit in the end. */
struct unit_facts {
    enum reason reason;
    const struct tca_piece *twin; /* of the first piece; of a unit that was first: one that shows the same */
    int64_t quiet_ns;
    bool overlaps, unsure, repeats;
    bool kin; /* there are others of its name: what is silent in one may be in them */
};

struct sorter {
    struct tca_pieces *pieces;
    struct tca_units *units;
    bool one;
    struct unit_facts *facts; /* owned: of the units */
    size_t facts_room;
    struct series open[OPEN_MAX];
    size_t opens;
    unsigned links; /* types of the key at hand */
};

/* ---- order ---- */

static bool has_time(const struct tca_piece *piece)
{
    return piece->looked && piece->look.quiet_ns >= 0;
}

static int compare_u64(uint64_t one, uint64_t other)
{
    return (one > other) - (one < other);
}

static int compare_i64(int64_t one, int64_t other)
{
    return (one > other) - (one < other);
}

/* As they were typed, by name first: the order of arguments is not to matter. */
static int compare_names(const struct tca_piece *one, const struct tca_piece *other)
{
    int order = tca_name_compare(one->name, other->name);
    order = order ? order : compare_u64(one->input, other->input);
    return order ? order : compare_u64(one->number, other->number);
}

static int compare_times(const struct tca_piece *one, const struct tca_piece *other)
{
    int order = compare_i64(one->look.first_ns, other->look.first_ns);
    order = order ? order : compare_i64(one->look.last_ns, other->look.last_ns);
    return order ? order : compare_names(one, other);
}

/* By key, then by link type, then by time; those without records behind all others of their key. */
static int compare_pieces(const void *left, const void *right)
{
    const struct tca_piece *one = *(struct tca_piece *const *)left,
                           *other = *(struct tca_piece *const *)right;
    int order = strcmp(one->key, other->key);
    if (!order)
        order = has_time(other) - has_time(one);
    if (!order && !has_time(one))
        return compare_names(one, other);
    if (!order)
        order = compare_i64(one->look.link, other->look.link);
    return order ? order : compare_times(one, other);
}

/* The same in one series of all. */
static int compare_all(const void *left, const void *right)
{
    const struct tca_piece *one = *(struct tca_piece *const *)left,
                           *other = *(struct tca_piece *const *)right;
    int order = has_time(other) - has_time(one);
    if (!order && !has_time(one))
        return compare_names(one, other);
    return order ? order : compare_times(one, other);
}

/* ---- overlaps ---- */

static int mark_overlap(struct tca_piece *piece)
{
    if (piece->sketch)
        return TCA_OK;
    piece->early_ns = INT64_MIN;
    piece->late_ns = INT64_MAX;
    piece->sketch = tca_alloc(sizeof *piece->sketch);
    return piece->sketch ? TCA_OK : TCA_EMEMORY;
}

/* Where others of the group were being written as well: before its `early_ns`, since an older one had not ended, and behind its
 * `late_ns`, since a newer one had begun. */
static int mark_overlaps(struct tca_piece **piece, size_t count)
{
    struct tca_piece *longest = count ? piece[0] : NULL;
    int code = TCA_OK;
    for (size_t at = 1; !code && at < count; at++) {
        struct tca_piece *now = piece[at];
        int64_t newest_ns = longest->look.last_ns;
        if (now->look.first_ns < newest_ns && !(code = mark_overlap(now)))
            now->early_ns = newest_ns;
        for (size_t before = at; !code && before-- > 0 && at - before <= OPEN_MAX * RECENT_MAX;)
            if (piece[before]->look.last_ns > now->look.first_ns && !(code = mark_overlap(piece[before])) &&
                now->look.first_ns < piece[before]->late_ns)
                piece[before]->late_ns = now->look.first_ns;
        if (now->look.last_ns > newest_ns)
            longest = now;
    }
    return code;
}

/* ---- series that are not over ---- */

static struct unit_facts *facts_of(struct sorter *sorter, uint32_t unit)
{
    return &sorter->facts[unit - 1];
}

static int new_unit(struct sorter *sorter, struct tca_piece *piece)
{
    struct tca_units *units = sorter->units;
    struct unit_facts *facts =
        tca_room(sorter->facts, units->count, &sorter->facts_room, sizeof *sorter->facts);
    if (!facts)
        return TCA_EMEMORY;
    sorter->facts = facts;
    struct tca_unit *unit = tca_room(units->unit, units->count, &units->room, sizeof *unit);
    if (!unit)
        return TCA_EMEMORY;
    units->unit = unit;
    unit[units->count] = (struct tca_unit){0};
    facts[units->count] = (struct unit_facts){0};
    piece->unit = (uint32_t)++units->count;
    piece->quiet_ns = 0;
    return TCA_OK;
}

static struct series *oldest_open(struct sorter *sorter)
{
    struct series *oldest = sorter->open;
    for (size_t at = 1; at < sorter->opens; at++)
        if (sorter->open[at].newest_ns < oldest->newest_ns)
            oldest = &sorter->open[at];
    return oldest;
}

static int begin_series(struct sorter *sorter, struct tca_piece *piece, const struct unit_facts *facts)
{
    int code = new_unit(sorter, piece);
    if (code)
        return code;
    *facts_of(sorter, piece->unit) = *facts;
    if (facts->twin && !facts_of(sorter, facts->twin->unit)->twin)
        facts_of(sorter, facts->twin->unit)->twin = piece;
    struct series *series = sorter->opens < OPEN_MAX ? &sorter->open[sorter->opens++] : oldest_open(sorter);
    *series = (struct series){.unit = piece->unit,
                              .oldest_ns = piece->look.first_ns,
                              .newest_ns = piece->look.last_ns,
                              .recent = {piece},
                              .pieces = 1,
                              .last = piece};
    return TCA_OK;
}

static int64_t signed_between(int64_t from_ns, int64_t to_ns)
{
    return from_ns <= to_ns ? tca_time_between(from_ns, to_ns) : -tca_time_between(to_ns, from_ns);
}

static void go_on_with(struct series *series, struct tca_piece *piece)
{
    piece->unit = series->unit;
    piece->quiet_ns = signed_between(series->newest_ns, piece->look.first_ns);
    series->recent[series->pieces++ % RECENT_MAX] = piece;
    series->last = piece;
    if (piece->look.last_ns > series->newest_ns)
        series->newest_ns = piece->look.last_ns;
}

/* ---- which one ---- */

static bool is_over(const struct series *series, const struct tca_piece *piece, int64_t *ret_quiet_ns)
{
    *ret_quiet_ns = tca_time_between(series->newest_ns, piece->look.first_ns);
    return *ret_quiet_ns > HOUR_NS && *ret_quiet_ns > tca_time_between(series->oldest_ns, series->newest_ns);
}

/* What both hold is less than half of either: the end of one and the beginning of the other. */
static bool is_short(const struct tca_piece *older, const struct tca_piece *newer, int64_t to_ns)
{
    int64_t both_ns = tca_time_between(newer->look.first_ns, to_ns);
    return both_ns < tca_time_between(older->look.first_ns, older->look.last_ns) / 2 &&
           both_ns < tca_time_between(newer->look.first_ns, newer->look.last_ns) / 2;
}

/* A piece of the series that shows the same; *ret_overlaps, *ret_unsure: what else is found. */
static const struct tca_piece *find_twin(const struct series *series, const struct tca_piece *piece,
                                         struct unit_facts *found)
{
    for (size_t at = 0; at < series->pieces && at < RECENT_MAX; at++) {
        const struct tca_piece *other = series->recent[at];
        if (other->look.last_ns <= piece->look.first_ns || !other->sketch || !piece->sketch)
            continue;
        int64_t to_ns = other->look.last_ns < piece->look.last_ns ? other->look.last_ns : piece->look.last_ns;
        enum tca_alike alike = tca_sketch_compare(other->sketch, piece->sketch, piece->look.first_ns, to_ns);
        if (alike == TCA_ALIKE_YES || (alike == TCA_ALIKE_RECORDS && !is_short(other, piece, to_ns)))
            return other;
        found->overlaps = true;
        found->repeats |= alike == TCA_ALIKE_RECORDS;
        found->unsure |= alike == TCA_ALIKE_UNKNOWN;
    }
    return NULL;
}

static unsigned equal_numbers(const struct tca_piece *one, const struct tca_piece *other)
{
    struct tca_name_run left[TCA_NAME_RUNS], right[TCA_NAME_RUNS];
    unsigned lefts = tca_name_runs(tca_name_base(one->name), left);
    unsigned rights = tca_name_runs(tca_name_base(other->name), right);
    unsigned equal = 0;
    for (unsigned at = 0; at < lefts && at < rights; at++)
        equal += left[at].place == right[at].place && left[at].value == right[at].value;
    return equal;
}

static bool fits_better(const struct series *one, const struct series *other, const struct tca_piece *piece)
{
    unsigned ones = equal_numbers(one->last, piece), others = equal_numbers(other->last, piece);
    return ones != others ? ones > others : one->newest_ns > other->newest_ns;
}

static void close_series(struct sorter *sorter, size_t at)
{
    sorter->open[at] = sorter->open[--sorter->opens];
}

static int sort_piece(struct sorter *sorter, struct tca_piece *piece)
{
    struct unit_facts begin = {.reason = sorter->links > 1 ? LINK : FIRST}, kept = {0};
    struct series *best = NULL;
    int64_t quiet_ns;
    for (size_t at = sorter->opens; at-- > 0;)
        if (is_over(&sorter->open[at], piece, &quiet_ns)) {
            begin = (struct unit_facts){.reason = QUIET, .quiet_ns = quiet_ns};
            close_series(sorter, at);
        }
    for (size_t at = 0; at < sorter->opens; at++) {
        struct series *series = &sorter->open[at];
        struct unit_facts found = {0};
        const struct tca_piece *twin = find_twin(series, piece, &found);
        if (twin)
            begin = (struct unit_facts){.reason = TWIN, .twin = twin};
        else if (!best || fits_better(series, best, piece)) {
            best = series;
            kept = found;
        }
    }
    if (!best)
        return begin_series(sorter, piece, &begin);
    go_on_with(best, piece);
    facts_of(sorter, best->unit)->overlaps |= kept.overlaps;
    facts_of(sorter, best->unit)->unsure |= kept.unsure;
    facts_of(sorter, best->unit)->repeats |= kept.repeats;
    return TCA_OK;
}

static int sort_group(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    int code = TCA_OK;
    sorter->opens = 0;
    for (size_t at = 0; !code && at < count; at++)
        code = sort_piece(sorter, piece[at]);
    return code;
}

/* All in one: nobody is asked. */
static int sort_one(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    int code = count ? begin_series(sorter, piece[0], &(struct unit_facts){0}) : TCA_OK;
    for (size_t at = 1; !code && at < count; at++) {
        if (piece[at]->look.first_ns < sorter->open[0].newest_ns)
            facts_of(sorter, sorter->open[0].unit)->overlaps = true;
        go_on_with(&sorter->open[0], piece[at]);
    }
    return code;
}

/* Those without records belong to the series of their key, if there is but one. */
static int sort_empty(struct sorter *sorter, struct tca_piece **piece, size_t count, uint32_t unit)
{
    int code = TCA_OK;
    for (size_t at = 0; !code && at < count; at++) {
        piece[at]->unit = unit;
        if (!unit)
            code = new_unit(sorter, piece[at]);
    }
    return code;
}

/* ---- groups ---- */

typedef int group_fn(struct sorter *sorter, struct tca_piece **piece, size_t count);

static size_t end_of_key(const struct sorter *sorter, struct tca_piece **piece, size_t count, size_t from)
{
    size_t to = from + 1;
    while (to < count && (sorter->one || !strcmp(piece[from]->key, piece[to]->key)))
        to++;
    return to;
}

static size_t end_of_link(const struct sorter *sorter, struct tca_piece **piece, size_t count, size_t from)
{
    size_t to = from + 1;
    while (to < count && has_time(piece[to]) &&
           (sorter->one || piece[from]->look.link == piece[to]->look.link))
        to++;
    return to;
}

/* Those of one key that have records, link type by link type. */
static int each_link(struct sorter *sorter, struct tca_piece **piece, size_t count, group_fn *fn)
{
    int code = TCA_OK;
    size_t at = 0;
    while (!code && at < count && has_time(piece[at])) {
        size_t to = end_of_link(sorter, piece, count, at);
        code = fn(sorter, piece + at, to - at);
        at = to;
    }
    return code;
}

static int mark_group(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    (void)sorter;
    return mark_overlaps(piece, count);
}

static int count_link(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    (void)piece, (void)count;
    sorter->links++;
    return TCA_OK;
}

static int sort_key(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    size_t before = sorter->units->count, timed = 0;
    sorter->links = 0;
    int code = each_link(sorter, piece, count, count_link);
    if (!code)
        code = each_link(sorter, piece, count, sorter->one ? sort_one : sort_group);
    while (timed < count && has_time(piece[timed]))
        timed++;
    for (size_t at = before; at < sorter->units->count; at++)
        sorter->facts[at].kin = sorter->units->count > before + 1;
    uint32_t only = sorter->units->count == before + 1 ? (uint32_t)before + 1 : 0;
    return code ? code : sort_empty(sorter, piece + timed, count - timed, only);
}

static int mark_key(struct sorter *sorter, struct tca_piece **piece, size_t count)
{
    return each_link(sorter, piece, count, mark_group);
}

static int each_key(struct sorter *sorter, struct tca_piece **piece, size_t count, group_fn *fn)
{
    int code = TCA_OK;
    for (size_t at = 0, to; !code && at < count; at = to) {
        to = end_of_key(sorter, piece, count, at);
        code = fn(sorter, piece + at, to - at);
    }
    return code;
}

/* ---- words ---- */

static void add_time(struct tca_buf *out, int64_t ns)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    unsigned long long seconds = (unsigned long long)(ns / 1000000000);
    if (seconds >= 2 * DAY)
        tca_buf_fmt(out, "%llu days", seconds / DAY);
    else if (seconds >= 2 * HOUR)
        tca_buf_fmt(out, "%llu hours", seconds / HOUR);
    else
        tca_buf_fmt(out, "%llu minutes", seconds / MINUTE);
}

static void add_grouping(struct tca_buf *out, const struct unit_facts *facts, size_t count, bool one)
{
    if (count == 1)
        return;
    tca_buf_str(out, one ? "one series, as asked for" : "names alike but for digits");
    if (!facts->overlaps)
        tca_buf_str(out, ", one after the other in time");
    else if (one)
        tca_buf_str(out, ", merged by time where they overlap");
    else
        tca_buf_str(out, facts->repeats  ? ", overlap with the same records, for a short time: merged by time"
                         : facts->unsure ? ", overlap with too few segments to compare: merged by time"
                                         : ", overlap with different segments: merged by time");
}

static void add_reason(struct tca_buf *out, const struct unit_facts *facts)
{
    if ((facts->reason != FIRST || facts->twin) && out->used)
        tca_buf_str(out, "; ");
    if (facts->reason == LINK)
        tca_buf_str(out, "others of its name have another link type");
    else if (facts->reason == QUIET) {
        tca_buf_str(out, "begins anew after ");
        add_time(out, facts->quiet_ns);
        tca_buf_str(out, " without a packet, more than all files before span");
    } else if (facts->twin) {
        tca_buf_fmt(out, "the same segments as in %s, seen from another place", facts->twin->name);
    }
}

/* Of one that stands alone, and for no reason of its own. */
static const char *why_alone(const struct tca_piece *piece)
{
    if (piece->why)
        return piece->why;
    if (piece->looked && !has_time(piece))
        return "holds no packet with a time";
    return piece->asked ? "no file of such a name goes on where it ends"
                        : "no other capture here has such a name";
}

static int tell_why(struct sorter *sorter, struct tca_unit *unit)
{
    const struct tca_piece *first = sorter->units->order[unit->from];
    const struct unit_facts *facts = facts_of(sorter, first->unit);
    struct tca_buf out = {0};
    add_grouping(&out, facts, unit->count, sorter->one);
    add_reason(&out, facts);
    if (!out.used)
        tca_buf_str(&out, why_alone(first));
    unit->why = out.failed ? NULL : tca_strdup(tca_buf_text(&out));
    tca_buf_done(&out);
    return unit->why ? TCA_OK : TCA_EMEMORY;
}

/* ---- all ---- */

static size_t list_keyed(struct tca_pieces *pieces, struct tca_piece **list)
{
    size_t count = 0;
    for (size_t at = 0; at < pieces->count; at++)
        if (pieces->one[at].key && pieces->one[at].looked)
            list[count++] = &pieces->one[at];
    return count;
}

/* Whatever is left is alone. */
static int sort_rest(struct sorter *sorter)
{
    int code = TCA_OK;
    for (size_t at = 0; !code && at < sorter->pieces->count; at++)
        if (!sorter->pieces->one[at].unit)
            code = new_unit(sorter, &sorter->pieces->one[at]);
    return code;
}

/* The pieces of each unit, in the order in which they came to it: `list` first, then those that stand alone. */
static void put_in_order(struct sorter *sorter, struct tca_piece **list, size_t listed)
{
    struct tca_units *units = sorter->units;
    struct tca_pieces *pieces = sorter->pieces;
    size_t from = 0;
    for (size_t at = 0; at < pieces->count; at++)
        units->unit[pieces->one[at].unit - 1].count++;
    for (size_t at = 0; at < units->count; at++) {
        units->unit[at].from = from;
        from += units->unit[at].count;
        units->unit[at].count = 0;
    }
    for (size_t at = 0; at < pieces->count; at++)
        if (!pieces->one[at].key || !pieces->one[at].looked)
            list[listed++] = &pieces->one[at];
    for (size_t at = 0; at < listed; at++) {
        struct tca_unit *unit = &units->unit[list[at]->unit - 1];
        units->order[unit->from + unit->count++] = list[at];
    }
}

static int finish_units(struct sorter *sorter)
{
    struct tca_units *units = sorter->units;
    int code = TCA_OK;
    for (size_t at = 0; !code && at < units->count; at++) {
        struct tca_unit *unit = &units->unit[at];
        struct tca_piece **piece = units->order + unit->from;
        size_t timed = 0;
        while (timed < unit->count && has_time(piece[timed]))
            timed++;
        code = tca_missing_find(piece, timed, unit->count, facts_of(sorter, (uint32_t)at + 1)->kin);
        if (!code)
            code = tell_why(sorter, unit);
    }
    return code;
}

static int compare_overlaps(struct sorter *sorter, struct tca_piece **list, size_t count)
{
    int code = sorter->one ? TCA_OK : each_key(sorter, list, count, mark_key);
    return code || sorter->one ? code : tca_pieces_sketch(sorter->pieces);
}

int tca_units_find(struct tca_pieces *pieces, bool one, struct tca_units *ret)
{
    struct sorter sorter = {.pieces = pieces, .units = ret, .one = one};
    struct tca_piece **list = tca_alloc((pieces->count + 1) * sizeof(struct tca_piece *));
    *ret = (struct tca_units){.order = tca_alloc((pieces->count + 1) * sizeof(struct tca_piece *))};
    size_t count = list ? list_keyed(pieces, list) : 0;
    int code = list && ret->order ? TCA_OK : TCA_EMEMORY;
    if (!code) {
        qsort(list, count, sizeof(struct tca_piece *), one ? compare_all : compare_pieces);
        code = compare_overlaps(&sorter, list, count);
    }
    if (!code)
        code = each_key(&sorter, list, count, sort_key);
    if (!code)
        code = sort_rest(&sorter);
    if (!code) {
        put_in_order(&sorter, list, count);
        code = finish_units(&sorter);
    }
    tca_free(list);
    tca_free(sorter.facts);
    return code;
}

void tca_units_done(struct tca_units *units)
{
    for (size_t at = 0; at < units->count; at++)
        tca_free(units->unit[at].why);
    tca_free(units->unit);
    tca_free(units->order);
}

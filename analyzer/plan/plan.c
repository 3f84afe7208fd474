/* SPDX-License-Identifier: MIT
 *
 * The plan from units of pieces: which of them share an input, and in which order all are read. An input that may hold several
 * captures is read as a whole, as if nobody had looked, where none of these belongs to another.
 */
#include <tcpautopsy/plan.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "plan/piece.h"
#include "plan/series.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct tca_plan {
    struct tca_plan_item *item; /* owned, as are the next; they point into each other */
    struct tca_plan_unit *unit;
    struct tca_plan_file *file;
    size_t items, units, files;
    char **text; /* owned, as what it points to: names, paths and words */
    size_t texts, text_room;
    uint64_t again; /* names of what was named before */
    const char *again_name, *again_as;
};

/* A unit on its way to its item. */
struct planned {
    const struct tca_unit *unit;
    uint32_t item;  /* the first input of its item */
    uint32_t input; /* the first one named of its own */
    uint64_t number;
};

struct planner {
    struct tca_plan *plan;
    struct tca_pieces pieces;
    struct tca_units units;
    uint32_t *root;          /* owned: of each input, one that it is read together with, or itself */
    struct planned *planned; /* owned */
    size_t count;
    char **path; /* owned: of each input, the plan's copy */
};

/* ---- inputs that are read together ---- */

static uint32_t root_of(struct planner *p, uint32_t input)
{
    while (p->root[input] != input)
        input = p->root[input] = p->root[p->root[input]];
    return input;
}

/* The one that was named first stands for both. */
static void join_inputs(struct planner *p, uint32_t one, uint32_t other)
{
    one = root_of(p, one);
    other = root_of(p, other);
    if (one < other)
        p->root[other] = one;
    else
        p->root[one] = other;
}

static const struct tca_piece *first_of(const struct planner *p, const struct tca_unit *unit)
{
    return p->units.order[unit->from];
}

static void join_units(struct planner *p)
{
    for (size_t at = 0; at < p->units.count; at++) {
        const struct tca_unit *unit = &p->units.unit[at];
        for (size_t one = 1; one < unit->count; one++)
            join_inputs(p, first_of(p, unit)->input, p->units.order[unit->from + one]->input);
    }
}

/* ---- inputs that nothing was found in ---- */

/* Of each archive, whether some capture of it belongs to another one. NULL without memory. */
static bool *list_divided(const struct planner *p)
{
    bool *divided = tca_alloc(p->pieces.inputs * sizeof *divided);
    for (size_t at = 0; divided && at < p->units.count; at++) {
        const struct tca_unit *unit = &p->units.unit[at];
        for (size_t one = 0; unit->count > 1 && one < unit->count; one++)
            divided[p->units.order[unit->from + one]->input] = true;
    }
    return divided;
}

/* An archive of captures that stand alone is one unit: the first of them stands for all. */
static bool is_told(struct planner *p, const struct tca_unit *unit, const bool *divided)
{
    struct tca_piece *piece = p->units.order[unit->from];
    const struct tca_plan_input *input = &p->pieces.input[piece->input];
    if (!input->is_archive || divided[piece->input])
        return true;
    bool first = piece == p->pieces.one || piece[-1].input != piece->input;
    piece->number = 0;
    return first;
}

static int list_units(struct planner *p)
{
    bool *divided = list_divided(p);
    if (!divided)
        return TCA_EMEMORY;
    for (size_t at = 0; at < p->units.count; at++) {
        const struct tca_unit *unit = &p->units.unit[at];
        if (!is_told(p, unit, divided))
            continue;
        struct planned *planned = &p->planned[p->count++];
        const struct tca_piece *first = first_of(p, unit);
        *planned = (struct planned){unit, root_of(p, first->input), first->input, first->number};
        for (size_t one = 1; one < unit->count; one++) {
            const struct tca_piece *piece = p->units.order[unit->from + one];
            if (piece->input < planned->input ||
                (piece->input == planned->input && piece->number < planned->number)) {
                planned->input = piece->input;
                planned->number = piece->number;
            }
        }
    }
    tca_free(divided);
    return TCA_OK;
}

static int compare_planned(const void *left, const void *right)
{
    const struct planned *one = left, *other = right;
    if (one->item != other->item)
        return one->item < other->item ? -1 : 1;
    if (one->input != other->input)
        return one->input < other->input ? -1 : 1;
    return (one->number > other->number) - (one->number < other->number);
}

/* ---- texts ---- */

/* The plan's copy; NULL without memory. */
static char *keep(struct tca_plan *plan, const char *text)
{
    char **list = tca_room(plan->text, plan->texts, &plan->text_room, sizeof *list);
    if (!list)
        return NULL;
    plan->text = list;
    char *copy = tca_strdup(text);
    if (copy)
        list[plan->texts++] = copy;
    return copy;
}

static int keep_paths(struct planner *p)
{
    for (size_t at = 0; at < p->pieces.inputs; at++)
        if (!(p->path[at] = keep(p->plan, p->pieces.input[at].path)))
            return TCA_EMEMORY;
    return TCA_OK;
}

/* ---- the plan ---- */

/* As stored: of an archive as much as its part of what comes out. */
static uint64_t share_of(const struct tca_plan_input *input, const struct tca_piece *piece)
{
    enum { BITS = 24 };
    uint64_t part = piece->look.bytes, whole = input->unpacked;
    if (!piece->inside || !piece->number)
        return input->bytes;
    for (; whole >> BITS; whole >>= 1)
        part >>= 1;
    return whole ? input->bytes / whole * part + input->bytes % whole * part / whole : 0;
}

/* How many numbers it takes. */
static uint64_t captures_of(const struct tca_plan_input *input, const struct tca_piece *piece)
{
    if (piece->number || input->single)
        return 1;
    return input->is_archive ? input->captures : 0;
}

/* With the first file of its input that is read as a piece; of an input that is read as a whole reading tells. */
static int take_note(struct planner *p, struct tca_plan_input *input, struct tca_plan_file *file)
{
    if (!file->number || !input->note)
        return TCA_OK;
    file->note = keep(p->plan, input->note);
    tca_free(input->note);
    input->note = NULL;
    return file->note ? TCA_OK : TCA_EMEMORY;
}

static int add_file(struct planner *p, const struct tca_piece *piece)
{
    struct tca_plan_input *input = &p->pieces.input[piece->input];
    struct tca_plan_file *file = &p->plan->file[p->plan->files++];
    const bool looked = piece->looked && piece->number;
    *file = (struct tca_plan_file){.path = p->path[piece->input],
                                   .name = p->path[piece->input],
                                   .number = looked || piece->inside ? piece->number : 0,
                                   .captures = captures_of(input, piece),
                                   .bytes = share_of(input, piece),
                                   .first_ns = -1,
                                   .last_ns = -1};
    if (file->number && piece->inside && !(file->name = keep(p->plan, piece->name)))
        return TCA_EMEMORY;
    if (take_note(p, input, file))
        return TCA_EMEMORY;
    if (!looked)
        return TCA_OK;
    file->packets = piece->look.packets;
    file->first_ns = piece->look.first_ns;
    file->last_ns = piece->look.last_ns;
    file->quiet_ns = piece->quiet_ns;
    file->missing = piece->missing;
    return TCA_OK;
}

static int add_unit(struct planner *p, const struct planned *planned)
{
    struct tca_plan *plan = p->plan;
    struct tca_plan_unit *unit = &plan->unit[plan->units++];
    const struct tca_piece *first = first_of(p, planned->unit);
    const bool whole = p->pieces.input[first->input].is_archive && !first->number;
    int code = TCA_OK;
    unit->file = &plan->file[plan->files];
    unit->files = planned->unit->count;
    unit->why = whole ? "an archive of which no capture belongs to another" : keep(plan, planned->unit->why);
    for (size_t at = 0; !code && at < planned->unit->count; at++)
        code = add_file(p, p->units.order[planned->unit->from + at]);
    return unit->why ? code : TCA_EMEMORY;
}

/* What is read of an item, and of which inputs. */
static void print_item(struct planner *p, struct tca_plan_item *item, uint32_t root)
{
    for (size_t at = root; at < p->pieces.inputs; at++) {
        if (root_of(p, (uint32_t)at) != root)
            continue;
        item->bytes += p->pieces.input[at].bytes;
        item->id = XXH3_64bits_withSeed(&p->pieces.input[at].print, sizeof(uint64_t), item->id);
    }
}

static void print_units(struct tca_plan_item *item)
{
    for (size_t unit = 0; unit < item->units; unit++) {
        item->id = XXH3_64bits_withSeed(&item->unit[unit].files, sizeof item->unit[unit].files, item->id);
        for (size_t at = 0; at < item->unit[unit].files; at++) {
            const struct tca_plan_file *file = &item->unit[unit].file[at];
            item->id = XXH3_64bits_withSeed(file->path, strlen(file->path), item->id);
            item->id = XXH3_64bits_withSeed(&file->number, sizeof file->number, item->id);
        }
    }
}

static int fill(struct planner *p)
{
    struct tca_plan *plan = p->plan;
    int code = TCA_OK;
    for (size_t at = 0; !code && at < p->count; at++) {
        if (!at || p->planned[at].item != p->planned[at - 1].item) {
            struct tca_plan_item *item = &plan->item[plan->items++];
            item->unit = &plan->unit[plan->units];
            print_item(p, item, p->planned[at].item);
        }
        plan->item[plan->items - 1].units++;
        code = add_unit(p, &p->planned[at]);
    }
    for (size_t at = 0; !code && at < plan->items; at++)
        print_units(&plan->item[at]);
    return code;
}

/* Room for all, so that nothing moves. */
static int make_room(struct planner *p)
{
    struct tca_plan *plan = p->plan;
    p->root = tca_alloc(p->pieces.inputs * sizeof *p->root);
    p->path = tca_alloc(p->pieces.inputs * sizeof *p->path);
    p->planned = tca_alloc(p->units.count * sizeof *p->planned);
    plan->item = tca_alloc(p->units.count * sizeof *plan->item);
    plan->unit = tca_alloc(p->units.count * sizeof *plan->unit);
    plan->file = tca_alloc(p->pieces.count * sizeof *plan->file);
    for (size_t at = 0; p->root && at < p->pieces.inputs; at++)
        p->root[at] = (uint32_t)at;
    return p->root && p->path && p->planned && plan->item && plan->unit && plan->file ? TCA_OK : TCA_EMEMORY;
}

/* What was named more than once. */
static int keep_again(struct planner *p)
{
    struct tca_plan *plan = p->plan;
    plan->again = p->pieces.again;
    if (!plan->again)
        return TCA_OK;
    plan->again_name = keep(plan, p->pieces.again_name);
    plan->again_as = keep(plan, p->pieces.again_as);
    return plan->again_name && plan->again_as ? TCA_OK : TCA_EMEMORY;
}

static int make(struct planner *p)
{
    int code = make_room(p);
    if (!code)
        code = keep_paths(p);
    if (!code)
        code = keep_again(p);
    if (code)
        return code;
    join_units(p);
    code = list_units(p);
    if (code)
        return code;
    qsort(p->planned, p->count, sizeof *p->planned, compare_planned);
    return fill(p);
}

static enum tca_series series_of(const char *name)
{
    return !name || !strcmp(name, "auto") ? TCA_SERIES_AUTO
           : !strcmp(name, "each")        ? TCA_SERIES_EACH
                                          : TCA_SERIES_ONE;
}

int tca_plan_new(const struct tca_inputs *inputs, const struct tca_plan_settings *set,
                 struct tca_plan **ret_plan, struct tca_error *error)
{
    const enum tca_series series = series_of(set->series);
    struct planner p = {.plan = tca_alloc(sizeof *p.plan)};
    p.pieces.max_expanded = set->max_expanded;
    p.pieces.stop = set->stop;
    int code = p.plan ? tca_pieces_find(&p.pieces, inputs, series, error) : tca_fail_memory(error);
    if (!code && (tca_units_find(&p.pieces, series == TCA_SERIES_ONE, &p.units) || make(&p)))
        code = tca_fail_memory(error);
    tca_units_done(&p.units);
    tca_pieces_done(&p.pieces);
    tca_free(p.planned);
    tca_free(p.root);
    tca_free(p.path);
    if (code)
        tca_plan_free(p.plan);
    else
        *ret_plan = p.plan;
    return code;
}

void tca_plan_free(struct tca_plan *plan)
{
    if (!plan)
        return;
    for (size_t at = 0; at < plan->texts; at++)
        tca_free(plan->text[at]);
    tca_free(plan->text);
    tca_free(plan->item);
    tca_free(plan->unit);
    tca_free(plan->file);
    tca_free(plan);
}

size_t tca_plan_items(const struct tca_plan *plan)
{
    return plan->items;
}

const struct tca_plan_item *tca_plan_item(const struct tca_plan *plan, size_t at)
{
    return &plan->item[at];
}

uint64_t tca_plan_again(const struct tca_plan *plan, const char **ret_name, const char **ret_as)
{
    *ret_name = plan->again_name;
    *ret_as = plan->again_as;
    return plan->again;
}

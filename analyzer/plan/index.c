/* SPDX-License-Identifier: MIT
 *
 * What is in the inputs, looked into no further than is needed: where two inputs have such a name, or a member of an archive has
 * that of another one.
 *
 *      keys of inputs --> what is in each (contents.c) --> one list --> keys of members --> looks that were not taken so far
 */
#include "plan/piece.h"

#include "base/alloc.h"
#include "base/fail.h"

#include <stdlib.h>
#include <string.h>

/* ---- inputs ---- */

static int compare_inputs(const void *left, const void *right)
{
    const struct tca_plan_input *one = *(struct tca_plan_input *const *)left;
    const struct tca_plan_input *other = *(struct tca_plan_input *const *)right;
    return strcmp(one->key, other->key);
}

/* Which inputs are not alone with their keys. */
static int find_company(struct tca_pieces *pieces)
{
    struct tca_plan_input **list = tca_alloc(pieces->inputs * sizeof(struct tca_plan_input *));
    for (size_t at = 0; at < pieces->inputs; at++) {
        struct tca_plan_input *input = &pieces->input[at];
        input->key = tca_piece_key(input->path, input->path, 0, 0);
        if (!list || !input->key) {
            tca_free(list);
            return TCA_EMEMORY;
        }
        list[at] = input;
    }
    if (list)
        qsort(list, pieces->inputs, sizeof(struct tca_plan_input *), compare_inputs);
    for (size_t at = 1; list && at < pieces->inputs; at++)
        if (!strcmp(list[at - 1]->key, list[at]->key))
            list[at - 1]->company = list[at]->company = true;
    tca_free(list);
    return list || !pieces->inputs ? TCA_OK : TCA_EMEMORY;
}

static int find_contents(struct tca_pieces *pieces, void *user, size_t at)
{
    return tca_pieces_of(pieces, (uint32_t)at, *(const enum tca_series *)user);
}

/* One that was not reached is read as it is. */
static struct tca_piece whole_input(const struct tca_pieces *pieces, uint32_t at)
{
    return (struct tca_piece){.name = tca_strdup(pieces->input[at].path), .input = at, .why = tca_not_looked};
}

/* The pieces of all inputs, in the order of these. */
static int gather(struct tca_pieces *pieces)
{
    size_t count = 0;
    for (size_t at = 0; at < pieces->inputs; at++)
        count += pieces->input[at].count ? pieces->input[at].count : 1;
    pieces->one = tca_alloc(count * sizeof *pieces->one);
    if (!pieces->one)
        return TCA_EMEMORY;
    for (size_t at = 0; at < pieces->inputs; at++) {
        struct tca_plan_input *input = &pieces->input[at];
        if (input->count)
            memcpy(pieces->one + pieces->count, input->one, input->count * sizeof *input->one);
        else
            pieces->one[pieces->count] = whole_input(pieces, (uint32_t)at);
        pieces->count += input->count ? input->count : 1;
        input->captures = input->is_archive ? input->count : 0;
        tca_free(input->one);
        input->one = NULL;
        input->count = 0;
        if (!pieces->one[pieces->count - 1].name)
            return TCA_EMEMORY;
    }
    return TCA_OK;
}

void tca_pieces_done(struct tca_pieces *pieces)
{
    for (size_t at = 0; at < pieces->count; at++)
        tca_piece_done(&pieces->one[at]);
    for (size_t at = 0; pieces->input && at < pieces->inputs; at++) {
        struct tca_plan_input *input = &pieces->input[at];
        while (input->count)
            tca_piece_done(&input->one[--input->count]);
        tca_free(input->one);
        tca_free(input->key);
        tca_free(input->note);
    }
    tca_free(pieces->one);
    tca_free(pieces->input);
}

/* ---- company ---- */

static int compare_keys(const void *left, const void *right)
{
    const struct tca_piece *one = *(struct tca_piece *const *)left;
    const struct tca_piece *other = *(struct tca_piece *const *)right;
    return strcmp(one->key, other->key);
}

/* Those to be looked into, that were not: not alone with their keys. NULL without memory. */
static struct tca_piece **list_company(struct tca_pieces *pieces, size_t *ret_count)
{
    struct tca_piece **list = tca_alloc((pieces->count + 1) * sizeof(struct tca_piece *));
    size_t count = 0, kept = 0;
    for (size_t at = 0; list && at < pieces->count; at++)
        if (pieces->one[at].key)
            list[count++] = &pieces->one[at];
    if (list)
        qsort(list, count, sizeof(struct tca_piece *), compare_keys);
    for (size_t at = 0, next; at < count; at = next) {
        for (next = at + 1; next < count && !strcmp(list[at]->key, list[next]->key); next++)
            continue;
        for (size_t one = at; next - at > 1 && one < next; one++) {
            list[one]->asked = true;
            if (!list[one]->looked)
                list[kept++] = list[one];
        }
    }
    *ret_count = kept;
    return list;
}

static int look_at(struct tca_pieces *pieces, void *user, size_t at)
{
    struct tca_piece *piece = ((struct tca_piece **)user)[at];
    int code = tca_walk_file(pieces, piece, NULL, NULL, &piece->look);
    piece->looked = piece->look.is_capture;
    return code;
}

/* What should have been looked into, and could not be; or not to its end. */
static void sort_out(struct tca_pieces *pieces)
{
    const bool stopped = tca_pieces_stopped(pieces);
    for (size_t at = 0; at < pieces->count; at++) {
        struct tca_piece *piece = &pieces->one[at];
        if (piece->key && !piece->inside && (stopped || (piece->asked && !piece->looked)))
            tca_piece_set_whole(piece, stopped ? tca_not_looked : tca_no_capture);
    }
}

static int look_at_company(struct tca_pieces *pieces)
{
    size_t count = 0;
    struct tca_piece **list = list_company(pieces, &count);
    int code = list ? tca_walk(pieces, look_at, list, count) : TCA_EMEMORY;
    tca_free(list);
    if (!code)
        sort_out(pieces);
    return code;
}

/* ---- one series ---- */

static int fail_one(const struct tca_piece *piece, const char *what, struct tca_error *error)
{
    return tca_fail(error, TCA_EUSAGE, "series 'one': %.200s: %s", piece->name, what);
}

static int check_one(const struct tca_pieces *pieces, struct tca_error *error)
{
    const struct tca_piece *first = NULL;
    for (size_t at = 0; at < pieces->count; at++) {
        const struct tca_piece *piece = &pieces->one[at];
        if (!pieces->input[piece->input].is_file && !strcmp(piece->name, "-"))
            return fail_one(piece, "standard input cannot be looked into: save it as a file", error);
        if (!piece->key || !piece->look.links)
            continue;
        if (piece->look.links > 1 || (first && piece->look.link != first->look.link))
            return fail_one(piece, "its link type is not that of the others", error);
        first = first ? first : piece;
    }
    return TCA_OK;
}

/* ---- all ---- */

static int find_pieces(struct tca_pieces *pieces, enum tca_series series)
{
    int code = find_company(pieces);
    if (!code)
        code = tca_walk(pieces, find_contents, &series, pieces->inputs);
    if (!code)
        code = gather(pieces);
    return code || series == TCA_SERIES_EACH ? code : look_at_company(pieces);
}

int tca_pieces_find(struct tca_pieces *pieces, const struct tca_inputs *inputs, enum tca_series series,
                    struct tca_error *error)
{
    if (tca_pieces_name(pieces, inputs) || find_pieces(pieces, series))
        return tca_fail_memory(error);
    return series == TCA_SERIES_ONE ? check_one(pieces, error) : TCA_OK;
}

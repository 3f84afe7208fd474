/* SPDX-License-Identifier: MIT
 *
 * tcpdump -C leaves the first file without a number: it counts as 0. With -W numbers begin again, once among those that are
 * left, from the highest to the lowest.
 */
#include "plan/missing.h"

#include "base/alloc.h"
#include "plan/name.h"

#include <string.h>

enum {
    STEPS_MIN = 3,     /* so often it has counted up by one, or it does not count */
    STEPS_SHARE = 10,  /* and one in so many may be larger */
    TIME_DIGITS = 8,   /* seconds since 1970, and whatever has a year in it */
    PACKETS_MIN = 100, /* of a piece that knows how long a silence is usual */
    QUIET_TIMES = 10,
    SECOND_NS = 1000000000,
};

/* ---- numbers in names ---- */

/* One number of all the names. */
struct column {
    unsigned place;
    const struct tca_piece *const *piece;
    size_t timed, count;
    struct tca_name_run *run; /* owned */
    uint64_t least, most;     /* of the timed ones */
    size_t absent;
    bool same_length;
};

static struct tca_name_run run_at(const struct tca_piece *piece, unsigned place)
{
    struct tca_name_run run[TCA_NAME_RUNS];
    unsigned count = tca_name_runs(tca_name_base(piece->name), run);
    for (unsigned at = 0; at < count; at++)
        if (run[at].place == place)
            return run[at];
    return (struct tca_name_run){.place = place};
}

static int column_read(struct column *column)
{
    column->run = tca_grow(NULL, column->count, sizeof *column->run);
    if (!column->run)
        return TCA_EMEMORY;
    column->least = UINT64_MAX;
    column->same_length = true;
    for (size_t at = 0; at < column->count; at++) {
        column->run[at] = run_at(column->piece[at], column->place);
        const struct tca_name_run *run = &column->run[at];
        column->absent += !run->length;
        column->same_length &= run->length == column->run[0].length;
        if (at >= column->timed)
            continue;
        column->least = run->value < column->least ? run->value : column->least;
        column->most = run->value > column->most ? run->value : column->most;
    }
    return TCA_OK;
}

enum step {
    STEP_UP,
    STEP_AGAIN, /* from the highest to the lowest */
    STEP_SKIP,
    STEP_ELSE,
    STEPS
};

static enum step step_to(const struct column *column, size_t at)
{
    uint64_t from = column->run[at - 1].value, to = column->run[at].value;
    if (from < to)
        return to - from == 1 ? STEP_UP : STEP_SKIP;
    return from == column->most && to == column->least && from != to ? STEP_AGAIN : STEP_ELSE;
}

/* ---- clocks ---- */

/* A part of a time of day or month as strftime prints it. */
struct clock {
    unsigned digits;
    int64_t unit_ns;
    int64_t round; /* so many units, and it begins again */
};

static const struct clock clocks[] = {
    {2, INT64_C(1) * SECOND_NS, 60},           /* %S */
    {2, INT64_C(60) * SECOND_NS, 60},          /* %M */
    {2, INT64_C(3600) * SECOND_NS, 24},        /* %H */
    {2, INT64_C(86400) * SECOND_NS, 0},        /* %d */
    {4, INT64_C(60) * SECOND_NS, 24 * 60},     /* %H%M */
    {6, INT64_C(1) * SECOND_NS, 24 * 60 * 60}, /* %H%M%S */
};

/* 235959 as seconds, 2359 as minutes. */
static uint64_t in_units(const struct clock *clock, uint64_t value)
{
    if (clock->digits == 2)
        return value;
    return clock->digits == 4 ? value / 100 * 60 + value % 100
                              : value / 10000 * 3600 + value / 100 % 100 * 60 + value % 100;
}

static int64_t floor_units(int64_t time_ns, int64_t unit_ns)
{
    return time_ns / unit_ns - (time_ns % unit_ns < 0);
}

static uint64_t modulo(int64_t value, int64_t round)
{
    return (uint64_t)(round ? (value % round + round) % round : value);
}

static bool agrees(const struct column *column, size_t at, const struct clock *clock)
{
    const int64_t to = (int64_t)in_units(clock, column->run[at].value);
    const int64_t from = (int64_t)in_units(clock, column->run[at - 1].value);
    const int64_t after = floor_units(column->piece[at]->look.first_ns, clock->unit_ns);
    const int64_t before = floor_units(column->piece[at - 1]->look.first_ns, clock->unit_ns);
    return modulo(to - from, clock->round) == modulo(after - before, clock->round);
}

/* It goes with the packets' times: where it skips, too. */
static bool is_clock(const struct column *column, const struct clock *clock)
{
    size_t agreed = 0;
    if (!column->same_length || column->run[0].length != clock->digits)
        return false;
    for (size_t at = 1; at < column->timed; at++) {
        bool one = agrees(column, at, clock);
        if (!one && step_to(column, at) == STEP_SKIP)
            return false;
        agreed += one;
    }
    return agreed * 5 >= (column->timed - 1) * 4;
}

static bool is_time(const struct column *column)
{
    for (size_t at = 0; at < column->timed; at++)
        if (column->run[at].length >= TIME_DIGITS)
            return true;
    for (size_t at = 0; at < sizeof clocks / sizeof *clocks; at++)
        if (is_clock(column, &clocks[at]))
            return true;
    return false;
}

/* ---- counters ---- */

static bool counts(const struct column *column)
{
    size_t steps[STEPS] = {0}, all = column->timed - 1;
    if (column->absent > 1 || is_time(column))
        return false;
    for (size_t at = 1; at < column->timed; at++)
        steps[step_to(column, at)]++;
    return !steps[STEP_ELSE] && steps[STEP_AGAIN] <= 1 && steps[STEP_UP] >= STEPS_MIN &&
           steps[STEP_SKIP] <= (all < STEPS_SHARE ? 1 : all / STEPS_SHARE);
}

/* Those without records are there, nevertheless. */
static uint64_t empty_between(const struct column *column, uint64_t from, uint64_t to)
{
    uint64_t found = 0;
    for (size_t at = column->timed; at < column->count; at++)
        found += column->run[at].value > from && column->run[at].value < to;
    return found;
}

static void tell_skips(const struct column *column, struct tca_piece *const *piece)
{
    for (size_t at = 1; at < column->timed; at++) {
        uint64_t from = column->run[at - 1].value, to = column->run[at].value;
        if (step_to(column, at) == STEP_SKIP && piece[at]->quiet_ns > 0 &&
            empty_between(column, from, to) < to - from - 1)
            piece[at]->missing = true;
    }
}

/* ---- silences ---- */

static int64_t larger(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static void tell_silence(struct tca_piece *const *piece, size_t timed)
{
    int64_t usual = piece[0]->look.quiet_ns, longest = 0;
    size_t where = 0;
    for (size_t at = 1; at < timed; at++) {
        usual = larger(usual, piece[at]->look.quiet_ns);
        if (piece[at]->quiet_ns > longest) {
            usual = larger(usual, longest);
            longest = piece[at]->quiet_ns;
            where = at;
        } else {
            usual = larger(usual, piece[at]->quiet_ns);
        }
    }
    if (longest > SECOND_NS && longest / QUIET_TIMES > usual && piece[where]->look.packets >= PACKETS_MIN &&
        piece[where - 1]->look.packets >= PACKETS_MIN)
        piece[where]->missing = true;
}

/* ---- all ---- */

/* Places of numbers: of the first names, one of which may have none. */
static unsigned list_places(struct tca_piece *const *piece, size_t timed, unsigned place[2 * TCA_NAME_RUNS])
{
    struct tca_name_run run[TCA_NAME_RUNS];
    unsigned count = 0;
    for (size_t at = 0; at < timed && at < 2; at++) {
        unsigned runs = tca_name_runs(tca_name_base(piece[at]->name), run);
        for (unsigned one = 0; one < runs; one++) {
            unsigned known = 0;
            while (known < count && place[known] != run[one].place)
                known++;
            place[known] = run[one].place;
            count += known == count;
        }
    }
    return count;
}

int tca_missing_find(struct tca_piece *const *piece, size_t timed, size_t count, bool kin)
{
    unsigned place[2 * TCA_NAME_RUNS], counters = 0;
    struct column counter = {0};
    int code = TCA_OK;
    if (timed < 2)
        return TCA_OK;
    unsigned places = list_places(piece, timed, place);
    for (unsigned at = 0; !code && at < places; at++) {
        struct column column = {.place = place[at],
                                .piece = (const struct tca_piece *const *)piece,
                                .timed = timed,
                                .count = count};
        code = column_read(&column);
        if (!code && counts(&column) && !counters++)
            counter = column;
        else
            tca_free(column.run);
    }
    if (!code && counters == 1)
        tell_skips(&counter, piece);
    else if (!code && !counters && !kin)
        tell_silence(piece, timed);
    tca_free(counter.run);
    return code;
}

/* SPDX-License-Identifier: MIT
 *
 * Numbers that look random and are the same on every machine: integers only (splitmix64), no libm.
 */
#ifndef BENCH_CHANCE_H
#define BENCH_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint64_t chance_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline uint64_t chance_next(struct chance *c)
{
    return chance_mix(c->state += 0x9e3779b97f4a7c15u);
}

/* 0 to `limit` - 1. */
static inline uint32_t chance_below(struct chance *c, uint32_t limit)
{
    return (uint32_t)((chance_next(c) >> 32) * limit >> 32);
}

static inline uint32_t chance_between(struct chance *c, uint32_t least, uint32_t most)
{
    return least + chance_below(c, most - least + 1);
}

/* True in `share` of 10 000 cases. */
static inline bool chance_of(struct chance *c, uint32_t share)
{
    return chance_below(c, 10000) < share;
}

/* Memoryless waiting, near enough: halves are counted, and within each half it is even. Its mean is `mean`. */
static inline uint64_t chance_wait(struct chance *c, uint64_t mean)
{
    uint64_t draw = chance_next(c);
    uint64_t halves = (uint64_t)__builtin_ctzll(draw | 1u << 20);
    return mean * ((halves << 16) + (draw >> 48)) / (3u << 15);
}

/* A long tail (Pareto, exponent 1): half of all are 1, one in n is longer than n, none longer than `most`. */
static inline uint32_t chance_tail(struct chance *c, uint32_t most)
{
    uint32_t length = (uint32_t)(UINT32_MAX / ((chance_next(c) >> 32) + 1));
    return length < 1 ? 1 : length > most ? most : length;
}

/* Every number below 2^32 becomes another one, no two the same: keys that never collide. */
static inline uint32_t chance_rename(uint32_t number, uint32_t seed)
{
    uint32_t x = number ^ seed;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * The numbers of a SYN, and where they stand in what was made of it. Of two SYNs of one kind, whose numbers all differ, something
 * is made; where the two differ by what a number differs, that number stands:
 *
 *      made of one:    .. 100 .. 7 .. 120 ..      time 100, frame 7
 *      of the other:   .. 160 .. 9 .. 180 ..      time 160, frame 9    time stands here: ^^ and here, with 20 added: ^^
 *
 * So no list of fields has to be kept. Private to the engine.
 */
#ifndef TCA_ENGINE_NUMBERS_H
#define TCA_ENGINE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum tca_number {
    TCA_NUMBER_TIME,
    TCA_NUMBER_FRAME,
    TCA_NUMBER_SEQ,
    TCA_NUMBER_TSVAL,
    TCA_NUMBER_IP_ID,
    TCA_NUMBER_WINDOW,
    TCA_NUMBER_TTL,
    TCA_NUMBERS,                   /* of the SYN itself */
    TCA_NUMBER_LEFT = TCA_NUMBERS, /* nanoseconds from it to the end of the capture */
    TCA_NUMBERS_JUDGED,
    TCA_PLACES_MAX = 32 /* of each */
};

/* Bytes of each, as it stands anywhere. */
static const uint8_t tca_number_width[TCA_NUMBERS_JUDGED] = {
    [TCA_NUMBER_TIME] = 8,  [TCA_NUMBER_FRAME] = 8,  [TCA_NUMBER_SEQ] = 4, [TCA_NUMBER_TSVAL] = 4,
    [TCA_NUMBER_IP_ID] = 2, [TCA_NUMBER_WINDOW] = 2, [TCA_NUMBER_TTL] = 1, [TCA_NUMBER_LEFT] = 8};

/* Like unsigned numbers of that many bytes. */
static inline uint64_t tca_number_cut(uint64_t value, unsigned bytes)
{
    return bytes == 8 ? value : value & ((UINT64_C(1) << 8 * bytes) - 1);
}

static inline uint64_t tca_number_load(const uint8_t *at, unsigned bytes)
{
    uint64_t value64;
    uint32_t value32;
    uint16_t value16;
    switch (bytes) {
    case 8:
        return memcpy(&value64, at, 8), value64;
    case 4:
        return memcpy(&value32, at, 4), value32;
    case 2:
        return memcpy(&value16, at, 2), value16;
    default:
        return *at;
    }
}

static inline void tca_number_store(uint8_t *at, uint64_t value, unsigned bytes)
{
    const uint32_t value32 = (uint32_t)value;
    const uint16_t value16 = (uint16_t)value;
    switch (bytes) {
    case 8:
        memcpy(at, &value, 8);
        break;
    case 4:
        memcpy(at, &value32, 4);
        break;
    case 2:
        memcpy(at, &value16, 2);
        break;
    default:
        *at = (uint8_t)value;
    }
}

/* What was made of one SYN and of another; their first `numbers` numbers. */
struct tca_placing {
    uint8_t *one;         /* where a number stands what is to be added to it remains */
    const uint8_t *other; /* of the same size, a multiple of 8 */
    size_t size;
    unsigned numbers;
    const uint64_t *number, *other_number;
    uint16_t (*place)[TCA_PLACES_MAX]; /* are found: of each number, ascending */
    uint8_t *places;                   /* so many; zeros at first */
};
/* False: they differ by what is no number's, or there are too many places. */
bool tca_numbers_place(const struct tca_placing *p);

#endif

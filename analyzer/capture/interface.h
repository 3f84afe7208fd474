/* SPDX-License-Identifier: MIT
 *
 * An interface of a pcapng section: what its packets are, how its clock counts, and what was lost there.
 */
#ifndef TCA_CAPTURE_INTERFACE_H
#define TCA_CAPTURE_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/reader.h"

enum { TCA_INTERFACE_LEN = 8 }; /* of a description, before its options */

/* Packets that were lost; `told` where the file says anything of it. Counts stay below 2^63. */
struct tca_drops {
    uint64_t count;
    bool told;
};

struct tca_interface {
    uint64_t ticks;     /* of its clock in a second */
    int64_t offset_s;   /* added to every time */
    uint64_t plain_end; /* where ticks are fewer, their time is ticks * tick_ns */
    uint32_t tick_ns;
    uint8_t resolution;          /* if_tsresol */
    bool told;                   /* a record of it was handed on */
    struct tca_kind kind;        /* of its records */
    struct tca_drops by_counter; /* as the last statistics have it */
    struct tca_drops by_packets; /* as packets tell, one by one */
};

/* Read the body of an interface description block. NULL, or what is wrong with it, static. */
const char *tca_interface_read(const uint8_t *body, size_t len, bool big_endian, struct tca_interface *ret);

/* A packet's time. One beyond what int64 nanoseconds hold is moved to the nearest they do. The plain case, without a
 * division, is here, for every packet asks. */
int64_t tca_interface_any_time(const struct tca_interface *interface, uint64_t ticks);

static inline int64_t tca_interface_time(const struct tca_interface *interface, uint64_t ticks)
{
    return ticks < interface->plain_end ? (int64_t)(ticks * interface->tick_ns)
                                        : tca_interface_any_time(interface, ticks);
}

/* Note what the options of an interface statistics block tell. The last block counts: its numbers are of the whole
 * time so far. */
void tca_interface_statistics(struct tca_interface *interface, const uint8_t *options, size_t len,
                              bool big_endian);

/* So many more were lost. */
void tca_drops_add(struct tca_drops *drops, uint64_t count);

/* The larger of what counters and packets tell. */
struct tca_drops tca_interface_drops(const struct tca_interface *interface);

#endif

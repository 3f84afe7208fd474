/* SPDX-License-Identifier: MIT
 *
 * An interface of a pcapng section: what its packets are, how its clock counts, and what was lost there.
 */
#ifndef TCA_CAPTURE_INTERFACE_H
#define TCA_CAPTURE_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCA_INTERFACE_LEN = 8 }; /* of a description, before its options */

/* Packets that were lost; `told` where the file says anything of it. Counts stay below 2^63. */
struct tca_drops {
    uint64_t count;
    bool told;
};

struct tca_interface {
    uint64_t ticks;   /* of its clock in a second */
    int64_t offset_s; /* added to every time */
    int link;
    uint32_t snaplen;
    const char *precision;       /* static */
    uint8_t resolution;          /* if_tsresol */
    struct tca_drops by_counter; /* as the last statistics have it */
    struct tca_drops by_packets; /* as packets tell, one by one */
};

/* Read the body of an interface description block. NULL, or what is wrong with it, static. */
const char *tca_interface_read(const uint8_t *body, size_t len, bool big_endian, struct tca_interface *ret);

/* A packet's time. One beyond what int64 nanoseconds hold is moved to the nearest they do. */
int64_t tca_interface_time(const struct tca_interface *interface, uint64_t ticks);

/* Note what the options of an interface statistics block tell. The last block counts: its numbers are of the whole
 * time so far. */
void tca_interface_statistics(struct tca_interface *interface, const uint8_t *options, size_t len,
                              bool big_endian);

/* So many more were lost. */
void tca_drops_add(struct tca_drops *drops, uint64_t count);

/* The larger of what counters and packets tell. */
struct tca_drops tca_interface_drops(const struct tca_interface *interface);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Decimal numbers as tables write them, compared without rounding: neither nanoseconds since 1970 nor a tenth fit in
 * binary floating point.
 */
#ifndef TCA_REPORT_DECIMAL_H
#define TCA_REPORT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tca_decimal {
    bool negative;
    uint64_t whole, part; /* part: in 10^-18, below 10^18 */
};

/* "-12", "0.001", "1e-05": all of these `length` bytes. False where they are no number, or one that does not fit; digits
 * behind the eighteenth of the fraction are dropped. */
bool tca_decimal_parse(const char *text, size_t length, struct tca_decimal *ret);
/* Do two cells differ by no more than `limit`? Numbers by their distance, lists (";" between) part by part if they have
 * equally many, anything else as text. */
bool tca_cells_near(const char *a, const char *b, const struct tca_decimal *limit);

#endif

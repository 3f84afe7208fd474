/* SPDX-License-Identifier: MIT
 *
 * How far times go.
 */
#ifndef TCA_BASE_TIME_LIMIT_H
#define TCA_BASE_TIME_LIMIT_H

#include <stdint.h>

/* Times are kept in [0, 2^62) ns since 1970, so that differences cannot overflow. Where a capture's clock tells a later
 * one its time is this, in the year 2116: no host's clock does, so what bears it has no time that can be trusted. */
#define TCA_TIME_LAST_NS ((INT64_C(1) << 62) - 1)

#endif

/* SPDX-License-Identifier: MIT
 *
 * A record as it may be given to others.
 */
#ifndef TCA_DECODE_REDACT_H
#define TCA_DECODE_REDACT_H

#include "base/anon.h"
#include "tcpautopsy/record.h"

/* Copy a record's bytes, with other addresses, and zeros wherever no header is that decode reads. Checksums are mended: right ones
 * are right, wrong ones wrong by as much. `ret` has room for rec->captured bytes. */
void tca_redact(const struct tca_record *rec, struct tca_anon *anon, uint8_t *ret);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Decode: one record in, one outcome out, and for TCP one segment. Pure: no state, no allocation, no I/O;
 * time and stack are bounded by a fixed number of nested headers, whatever the bytes say.
 */
#ifndef TCA_DECODE_DECODE_H
#define TCA_DECODE_DECODE_H

#include <stdbool.h>

#include "decode/outcome.h"
#include "decode/segment.h"
#include "tcpautopsy/record.h"

/* What one record is. *ret_seg is set for TCA_OUTCOME_tcp and TCA_OUTCOME_tcp_quoted, and with ret_seg->stub for
 * those of TCA_OUTCOME_short_tcp and TCA_OUTCOME_bad_tcp whose header is there up to the window, which other programs
 * number as well; else it is left alone. It holds no pointer into the record. Lengths come from IP headers, never from the frame, so that padding
 * does not count and a short snap length loses nothing: a whole fixed TCP header (20 bytes) makes a segment.
 * Where IP gives no length (0: transmit offload), the frame's original length serves and seg->offload is set;
 * such a segment longer than 1 MiB is bad_ip, so seg->len always stays far below 2^31.
 *
 * A first fragment is a segment whose len is what that fragment carries; fragment.h knows more. With verify_checksums false, and
 * wherever the whole segment was not captured, seg->checksum is TCA_CHECKSUM_UNVERIFIED. rec->bytes may be
 * NULL when rec->captured is 0. */
enum tca_outcome tca_decode(const struct tca_record *rec, bool verify_checksums, struct tca_segment *ret_seg);

struct tca_fragments;

/* The short way of the walk, for a record with nothing but Ethernet, raw IP or a Linux cooked header, IP, and a segment: true,
 * and the segment in *ret_seg is what the walk would have made, its outcome TCA_OUTCOME_tcp. Else nothing was done. *rest: what
 * stands in the memory of the segment, enum tca_segment_rest. The table is not asked; a walk that checks needs it. */
bool tca_decode_quick(struct tca_fragments *fragments, const struct tca_record *rec, bool verify_checksums,
                      struct tca_segment *ret_seg, uint8_t *rest);

#endif

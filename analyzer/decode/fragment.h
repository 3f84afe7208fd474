/* SPDX-License-Identifier: MIT
 *
 * Datagrams in fragments, put together as far as needed to know ports, flags and length.
 *
 *     tca_decode_fragments() --> outcome; a segment that came whole is given at once, one in fragments is kept
 *     tca_fragments_due()    --> kept segments, when their time has come, in the order of their connection
 *
 * A datagram that became whole gives one segment, of the time and frame of the fragment that completed it: that is when a
 * kernel delivers it and where tshark shows it. A first fragment whose datagram never becomes whole, as a filter for
 * ports leaves behind, gives one too (`partial`), with its own time and frame: before a segment of its connection that
 * can only come after it, after 30 s, when the table is full, or at the capture's end. Its length is the datagram's if
 * the last fragment was seen, else what is there without a gap; then a FIN is left away, since nobody knows its number.
 *
 * Where the snap length cut a fragment the lengths in the headers still put the datagram together. tshark then does not:
 * of IPv4 it shows a first fragment that was cut as TCP at once, so that such a segment keeps the time and frame of that
 * fragment and is not `partial`; otherwise it shows nothing.
 *
 * A datagram whose fragments all come again within 20 ms of when it was whole gives its segment again, with the time and frame
 * of the record that brought the last of them: artefact/copy.h knows it for a copy.
 *
 * The outcome of each record stays one: of a datagram's fragments the one that brought the TCP header is `tcp`, the
 * others are `fragment`; where no fragment holds a whole header, and among copies, the one that completed the datagram is `tcp`.
 */
#ifndef TCA_DECODE_FRAGMENT_H
#define TCA_DECODE_FRAGMENT_H

#include "decode/decode.h"

/* At most TCA_FRAGMENTS_MAX datagrams, in memory that is allocated once. */
enum { TCA_FRAGMENTS_MAX = 1024 };

struct tca_fragments *tca_fragments_new(void); /* owned; NULL when memory is out */
void tca_fragments_free(struct tca_fragments *table);

/* Like tca_decode(). A segment with `fragmented` set is kept, not given: it comes from tca_fragments_due(). */
enum tca_outcome tca_fragments_walk(struct tca_fragments *table, const struct tca_record *rec,
                                    bool verify_checksums, struct tca_segment *ret_seg);
static inline enum tca_outcome tca_decode_fragments(struct tca_fragments *table, const struct tca_record *rec,
                                                    bool verify_checksums, struct tca_segment *ret_seg)
{
    uint8_t rest = TCA_REST_ANY;
    if (tca_decode_quick(table, rec, verify_checksums, ret_seg, &rest))
        return TCA_OUTCOME_tcp;
    return tca_fragments_walk(table, rec, verify_checksums, ret_seg);
}

/* Is anything kept? Else nothing is due. */
bool tca_fragments_any(const struct tca_fragments *table);
/* Is a kept segment due, before `next` (the segment at hand, or NULL) is handed on? Call it after each record until it
 * says no, and at the capture's end with `now_ns` INT64_MAX. */
bool tca_fragments_due(struct tca_fragments *table, const struct tca_segment *next, int64_t now_ns,
                       struct tca_segment *ret_seg);

/* Frames of the fragments that the segment told last was made of, as they came; those that came after it was told are not
 * among them. Borrowed until the next call on this table. */
unsigned tca_fragments_pieces(const struct tca_fragments *table, const uint64_t **ret_frame);

#endif

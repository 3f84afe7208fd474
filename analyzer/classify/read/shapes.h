/* SPDX-License-Identifier: MIT
 *
 * The shapes of an RST: which of a stack's three ways built it. Shared by every judge that meets one.
 *
 *   Q  RST|ACK  seq 0                   ack = end of its trigger   answers a segment without ACK (a SYN to a closed port)
 *   P  RST      seq = its trigger's ack                            answers a segment with ACK that no connection wants
 *   X  RST|ACK  seq = SND.NXT           ack = RCV.NXT              nothing triggered it: an application or a timer did
 *
 * Checked against RFC 9293 section 3.5.2 and Linux tcp_v4_send_reset(), tcp_send_active_reset() (5.10
 * to 7.2).
 */
#ifndef TCA_CLASSIFY_SHAPES_H
#define TCA_CLASSIFY_SHAPES_H

#include "classify/read/dossier.h"

enum tca_rst_shape {
    TCA_SHAPE_NONE, /* no RST */
    TCA_SHAPE_Q,
    TCA_SHAPE_P,
    TCA_SHAPE_X,
};

/* By the rules every stack shares: flags and numbers. What only Linux does (IP ID, window, timestamps) is
 * asked of tca_rst_foreign(), so that other systems' resets keep their shape. */
enum tca_rst_shape tca_rst_shape(const struct tca_mark *rst);

/* The segment of the other side before this RST that an RST of shape Q or P answers by its number, the newest
 * but for those that later RSTs of the same number answer, and not what its sender had acknowledged, nor
 * the ACK of its FIN where payload follows it; NULL if none was kept, and always for X. Witnesses count: an older incarnation's segment can be a trigger
 * too. */
const struct tca_mark *tca_rst_trigger(const struct tca_dossier *d, const struct tca_mark *rst);

/* This reset passed its sender's own FIN on the way: it says by its number that the FIN had not arrived, and nobody who has
 * no connection sends one. */
bool tca_rst_overtook(const struct tca_mark *rst, const struct tca_mark *fin);

/* The newest kept segment of that side before this RST, whatever its numbers; NULL if there is none. */
const struct tca_mark *tca_mark_before(const struct tca_dossier *d, const struct tca_mark *mark, int side);

/* Signs that this RST was built elsewhere than by the host whose address it bears. Bits. */
enum tca_rst_sign {
    TCA_SIGN_TTL = 1 << 0,       /* TTL more than one off every other segment kept of that side */
    TCA_SIGN_IP_ID = 1 << 1,     /* X with ID 0 or P with a running ID, where that host does the contrary */
    TCA_SIGN_TIMESTAMP = 1 << 2, /* X without timestamps on a connection that uses them */
    TCA_SIGN_BOTH_WAYS = 1 << 3, /* an active reset from either side within 2 ms */
    TCA_SIGN_SERIES = 1 << 4,    /* X, and others of that side with other numbers: a socket resets once */
};
unsigned tca_rst_foreign(const struct tca_dossier *d, const struct tca_mark *rst);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Sockets as `ss -tan` prints them (iproute2 6.1): the same columns, the same words for states. What no capture
 * tells is `-`, where ss has a number. Sockets that may as well be in another state are listed apart, below a
 * line that begins with #.
 */
#include "report/ss.h"

#include "report/row.h"

#include <stdio.h>
#include <string.h>

static const char *const state_word[TCA_STATE_COUNT] = {
    [TCA_LISTEN] = "LISTEN",         [TCA_SYN_SENT] = "SYN-SENT",    [TCA_SYN_RECV] = "SYN-RECV",
    [TCA_ESTABLISHED] = "ESTAB",     [TCA_FIN_WAIT1] = "FIN-WAIT-1", [TCA_FIN_WAIT2] = "FIN-WAIT-2",
    [TCA_CLOSE_WAIT] = "CLOSE-WAIT", [TCA_CLOSING] = "CLOSING",      [TCA_LAST_ACK] = "LAST-ACK",
    [TCA_TIME_WAIT] = "TIME-WAIT",   [TCA_CLOSED] = "UNCONN",        [TCA_UNKNOWN] = "UNKNOWN",
};

enum { STATE, RECV_Q, SEND_Q, LOCAL, LOCAL_PORT, PEER, PEER_PORT, COLUMNS };
enum { CELL = 64 };

struct line {
    char cell[COLUMNS][CELL];
};

static const struct line head = {
    {"State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port"}};

/* False: memory is out. */
static bool put_address(char cell[CELL], const uint8_t addr[16], int family)
{
    struct tca_buf buf = {0};
    tca_buf_ip(&buf, addr, family);
    snprintf(cell, CELL, family == 6 ? "[%s]" : "%s", tca_buf_text(&buf));
    bool good = !buf.failed;
    tca_buf_done(&buf);
    return good;
}

static void put_count(char cell[CELL], int64_t count)
{
    if (count < 0)
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, "%lld", (long long)count);
}

static int fill(const struct tca_ss_socket *s, struct line *line)
{
    bool good = put_address(line->cell[LOCAL], s->addr[0], s->family);
    snprintf(line->cell[STATE], CELL, "%s", state_word[s->state]);
    put_count(line->cell[RECV_Q], s->recv_q);
    put_count(line->cell[SEND_Q], s->send_q);
    snprintf(line->cell[LOCAL_PORT], CELL, "%u", s->port[0]);
    if (s->state == TCA_LISTEN) {
        snprintf(line->cell[PEER], CELL, s->family == 6 ? "[::]" : "0.0.0.0");
        snprintf(line->cell[PEER_PORT], CELL, "*");
    } else {
        good = put_address(line->cell[PEER], s->addr[1], s->family) && good;
        snprintf(line->cell[PEER_PORT], CELL, "%u", s->port[1]);
    }
    return good ? TCA_OK : TCA_EMEMORY;
}

static void widen(int width[COLUMNS], const struct line *line)
{
    for (int column = 0; column < COLUMNS; column++) {
        int length = (int)strlen(line->cell[column]);
        if (length > width[column])
            width[column] = length;
    }
}

static void put_line(struct tca_buf *buf, const int width[COLUMNS], const struct line *line)
{
    tca_buf_fmt(buf, "%-*s %-*s %-*s %*s:%-*s %*s:%-*s ", width[STATE], line->cell[STATE], width[RECV_Q],
                line->cell[RECV_Q], width[SEND_Q], line->cell[SEND_Q], width[LOCAL], line->cell[LOCAL],
                width[LOCAL_PORT], line->cell[LOCAL_PORT], width[PEER], line->cell[PEER], width[PEER_PORT],
                line->cell[PEER_PORT]);
}

/* One line at a time: the list may be long. */
static int write_line(struct tca_buf *buf, const char *end, tca_write_fn *fn, void *user)
{
    tca_buf_str(buf, end);
    if (buf->failed)
        return TCA_EMEMORY;
    int stop = fn(user, buf->bytes, buf->used) ? TCA_EOUTPUT : TCA_OK;
    tca_buf_reset(buf);
    return stop;
}

int tca_ss_write(const struct tca_ss_socket *socket, size_t count, tca_write_fn *fn, void *user)
{
    struct tca_buf buf = {0};
    struct line line;
    int width[COLUMNS] = {0}, stop = TCA_OK;
    widen(width, &head);
    for (size_t at = 0; at < count && !stop; at++) {
        stop = fill(&socket[at], &line);
        widen(width, &line);
    }
    put_line(&buf, width, &head);
    stop = stop ? stop : write_line(&buf, "Process\n", fn, user);
    for (size_t at = 0; at < count && !stop; at++) {
        if (socket[at].unsure && (!at || !socket[at - 1].unsure))
            tca_buf_str(&buf, "# within 20 ms, or 1/8 of the running timer, of a transition:\n");
        stop = fill(&socket[at], &line);
        put_line(&buf, width, &line);
        stop = stop ? stop : write_line(&buf, "\n", fn, user);
    }
    tca_buf_done(&buf);
    return stop;
}

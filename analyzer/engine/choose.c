/* SPDX-License-Identifier: MIT
 *
 * Which host, and which moment, a question is about that names neither.
 *
 *     --host          that one, if the captures tell of it
 *     one host, or one at whose side the capture was taken          that one, and it is said
 *     else            an error that names them
 *     --at            that moment, not before the first packet; else the last packet's
 */
#include "base/time_limit.h"
#include "engine/run.h"

#include <stdio.h>
#include <string.h>

/* ---- which host ---- */

enum { HOSTS_NAMED = 6 };

struct choice {
    const struct tca_session *s;
    struct tca_buf names; /* of the first few, those near the capture first in `near_names` */
    struct tca_buf near_names;
    size_t hosts, near_hosts;
    uint8_t last[16], near[16];
    uint8_t family;
    bool last_is_near, wanted_found;
};

/* The capture was taken at this socket's own host, as all connections of its listener tell together. */
static bool is_near(const struct tca_session *s, const struct tca_socket *socket)
{
    bool serves = socket->role == TCA_SERVER;
    enum tca_vantage own = serves ? TCA_VANTAGE_SERVER : TCA_VANTAGE_CLIENT;
    struct tca_listener room;
    const struct tca_listener *l =
        tca_swept_place(s, socket->capture, socket->addr[!serves], socket->port[!serves], &room);
    return l && (l->vantage == own || l->vantage == TCA_VANTAGE_SAME_HOST);
}

static void add_name(struct tca_buf *names, struct tca_anon *anon, size_t number,
                     const struct tca_socket *socket)
{
    if (number > HOSTS_NAMED)
        return;
    tca_buf_str(names, number == 1 ? "" : ", ");
    tca_anon_ip(names, anon, socket->addr[0], socket->family);
}

static int see_host(void *user, const struct tca_socket *socket)
{
    struct choice *c = user;
    if (!c->hosts || memcmp(c->last, socket->addr[0], sizeof c->last) != 0) {
        memcpy(c->last, socket->addr[0], sizeof c->last);
        c->last_is_near = false;
        add_name(&c->names, c->s->anon, ++c->hosts, socket);
        c->wanted_found |= c->s->set.has_host && !memcmp(c->last, c->s->set.host, sizeof c->last);
    }
    if (c->last_is_near || !is_near(c->s, socket))
        return 0;
    c->last_is_near = true;
    memcpy(c->near, c->last, sizeof c->near);
    c->family = socket->family;
    add_name(&c->near_names, c->s->anon, ++c->near_hosts, socket);
    return 0;
}

static void tell_choice(const struct choice *c, struct tca_error *error)
{
    struct tca_buf name = {0};
    tca_anon_ip(&name, c->s->anon, c->near, c->family);
    tca_fail(error, TCA_OK, "the capture was taken at %s: these are its sockets; --host names another",
             tca_buf_text(&name));
    tca_buf_done(&name);
}

/* It is in a capture, only without any socket: an address that a flood forged, say. */
static bool has_flows(const struct tca_session *s, const uint8_t addr[16])
{
    for (uint32_t capture = 1; capture <= s->capture_count; capture++)
        if (tca_hosts_find(tca_swept_of(s, capture)->hosts, capture, addr)->family)
            return true;
    return false;
}

static int decide_named(struct choice *c, struct tca_error *error)
{
    if (c->wanted_found)
        return TCA_OK;
    if (has_flows(c->s, c->s->set.host))
        return tca_fail(error, TCA_OK, "the captures show segments of the host given, and no socket of it");
    return tca_fail(error, TCA_EUSAGE, "no connection of the host given: %s%s%s",
                    c->hosts ? "there are " : "there is no TCP connection", tca_buf_text(&c->names),
                    c->hosts > HOSTS_NAMED ? ", ..." : "");
}

static int decide(struct choice *c, uint8_t ret_addr[16], struct tca_error *error)
{
    const struct tca_settings *set = &c->s->set;
    if (set->has_host) {
        memcpy(ret_addr, set->host, 16);
        return decide_named(c, error);
    }
    memcpy(ret_addr, c->hosts == 1 ? c->last : c->near, 16);
    if (c->hosts <= 1)
        return TCA_OK;
    if (c->near_hosts == 1) {
        tell_choice(c, error);
        return TCA_OK;
    }
    struct tca_buf *names = c->near_hosts ? &c->near_names : &c->names;
    size_t count = c->near_hosts ? c->near_hosts : c->hosts;
    char near[64] = "";
    if (c->near_hosts && c->near_hosts < c->hosts)
        snprintf(near, sizeof near, " and was taken at %zu of them", c->near_hosts);
    return tca_fail(error, TCA_EUSAGE, "the capture shows %zu hosts%s: choose one with --host: %s%s",
                    c->hosts, near, tca_buf_text(names), count > HOSTS_NAMED ? ", ..." : "");
}

int tca_choose_host(struct tca_session *s, uint8_t ret_addr[16], struct tca_error *error)
{
    struct choice c = {.s = s};
    struct tca_census *census;
    int code = tca_census_of(s, &census);
    if (!code)
        code = tca_census_sockets(census, see_host, &c);
    code = code ? tca_words(error, code) : decide(&c, ret_addr, error);
    tca_buf_done(&c.names);
    tca_buf_done(&c.near_names);
    return code;
}

/* ---- which moment ---- */

struct span {
    int64_t first_ns, last_ns; /* first > last: no packet */
};

static struct span span_of(const struct tca_session *s)
{
    struct span span = {INT64_MAX, INT64_MIN};
    for (size_t at = 0; at < s->capture_count; at++) {
        const struct tca_capture_facts *facts = &s->capture[at]->facts;
        if (facts->packets && facts->first_ns < span.first_ns)
            span.first_ns = facts->first_ns;
        if (facts->packets && facts->end_ns > span.last_ns)
            span.last_ns = facts->end_ns;
    }
    return span;
}

int tca_choose_time(const struct tca_session *s, int64_t *ret_ns, struct tca_error *error)
{
    struct span span = span_of(s);
    *ret_ns = s->set.has_at ? s->set.at_ns : span.last_ns;
    if (*ret_ns > TCA_TIME_LAST_NS)
        *ret_ns = TCA_TIME_LAST_NS;
    if (span.first_ns > span.last_ns || *ret_ns >= span.first_ns)
        return TCA_OK;
    struct tca_buf begin = {0};
    tca_buf_iso(&begin, span.first_ns, 9);
    int code = tca_fail(error, TCA_EUSAGE, "--at lies before the first packet, at %s", tca_buf_text(&begin));
    tca_buf_done(&begin);
    return code;
}

void tca_tell_lateness(const struct tca_session *s, int64_t time_ns, struct tca_error *error)
{
    struct span span = span_of(s);
    if (!error || span.first_ns > span.last_ns || time_ns <= span.last_ns)
        return;
    size_t used = strlen(error->text);
    struct tca_buf late = {0};
    tca_buf_seconds(&late, time_ns - span.last_ns, 3);
    snprintf(error->text + used, sizeof error->text - used,
             "%s%s s after the last packet: as if nothing but timers had gone on", used ? "; " : "",
             tca_buf_text(&late));
    tca_buf_done(&late);
}

/* SPDX-License-Identifier: MIT
 *
 * Reading wire scripts. A line is split into words; what a word may be and where its value goes is a table.
 * The format, with its defaults, is docs/design/cases.md.
 */
#include "wire_script.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 32, WORD_BYTES_MAX = 120, SECONDS_MAX = 2000000000 };

struct reader {
    const char *name;
    unsigned line;
    struct wire_error *error;
    struct wire wire;
    bool tap_at_client;
    struct flow **flows; /* owned; each allocated alone, lines keep pointers to them */
    size_t flow_count;
    int64_t time_ns; /* of the packet line above */
    bool has_packet;
    char text[WORDS_MAX][WORD_BYTES_MAX];
    unsigned words;
};

__attribute__((format(printf, 2, 3))) static int fail(struct reader *r, const char *format, ...)
{
    va_list args;
    int at = snprintf(r->error->text, sizeof r->error->text, "%s:%u: ", r->name, r->line);

    if (at > 0 && (size_t)at < sizeof r->error->text) {
        va_start(args, format);
        vsnprintf(r->error->text + at, sizeof r->error->text - (size_t)at, format, args);
        va_end(args);
    }
    return -1;
}

/* ---- values ---- */

enum kind {
    WORD,          /* no value */
    ON_OFF,        /* on, off */
    COUNT,         /* low..high */
    COUNT_OR_NONE, /* the same, or the word none */
    POSITION,      /* low..high relative to the ISN, or @N absolute */
    COOKIE,        /* nothing, or hex bytes */
    BLOCK,         /* FROM-TO, may be repeated */
    ADDRESS,
    DIRECTION, /* > or < */
    TUNNEL,    /* KIND or KIND:NUMBER */
};

struct word_rule {
    const char *name;
    enum kind kind;
    size_t offset; /* of its struct number */
    int64_t low, high;
};

#define U16       0, 65535
#define U32       0, 4294967295
#define CIRCLE    -4294967295, 4294967295
#define AT(field) offsetof(struct flow_words, field)
static const struct word_rule flow_rules[] = {
    {"isn", COUNT, AT(isn), U32},         {"peer_isn", COUNT, AT(peer_isn), U32},
    {"ts", ON_OFF, AT(ts), 0, 1},         {"sack", ON_OFF, AT(sack), 0, 1},
    {"ttl", COUNT, AT(ttl), 1, 255},      {"peer_ttl", COUNT, AT(peer_ttl), 1, 255},
    {"tsbase", COUNT, AT(tsbase), U32},   {"peer_tsbase", COUNT, AT(peer_tsbase), U32},
    {"win", COUNT, AT(win), 0, 1 << 30},  {"vlan", COUNT, AT(vlan), 1, 4094},
    {"mss", COUNT_OR_NONE, AT(mss), U16}, {"wscale", COUNT_OR_NONE, AT(wscale), 0, 255},
    {"tunnel", TUNNEL, 0, U32},
};
#undef AT
#define AT(field) offsetof(struct segment_words, field)
static const struct word_rule segment_rules[] = {
    {"seq", POSITION, AT(seq), CIRCLE},
    {"ack", POSITION, AT(ack), CIRCLE},
    {"len", COUNT, AT(len), 0, 60000},
    {"ipid", COUNT, AT(ipid), U16},
    {"ttl", COUNT, AT(ttl), 1, 255},
    {"win", COUNT, AT(win), U16},
    {"tsval", COUNT, AT(tsval), U32},
    {"tsecr", COUNT, AT(tsecr), U32},
    {"mss", COUNT_OR_NONE, AT(mss), U16},
    {"wscale", COUNT_OR_NONE, AT(wscale), 0, 255},
    {"nots", WORD, AT(nots), 0, 1},
    {"id0", WORD, AT(id0), 0, 1},
    {"nosack", WORD, AT(nosack), 0, 1},
    {"lost", WORD, AT(lost), 0, 1},
    {"unseen", WORD, AT(unseen), 0, 1},
    {"copy", WORD, AT(copy), 0, 1},
    {"late", WORD, AT(late), 0, 1},
    {"badsum", WORD, AT(badsum), 0, 1},
    {"unfinished", WORD, AT(unfinished), 0, 1},
    {"frag", COUNT, AT(frag), 8, 65528},
    {"fraglost", COUNT, AT(fraglost), 0, 8191},
    {"fragback", WORD, AT(fragback), 0, 1},
    {"tfo", COOKIE, 0, 0, 0},
    {"sackblock", BLOCK, 0, CIRCLE},
};
static const struct word_rule icmp_rules[] = {
    {"from", ADDRESS, 0, 0, 0},     {"quote", DIRECTION, 0, 0, 0}, {"ttl", COUNT, AT(ttl), 1, 255},
    {"ipid", COUNT, AT(ipid), U16}, {"mtu", COUNT, AT(mtu), U16},  {"unseen", WORD, AT(unseen), 0, 1},
    {"late", WORD, AT(late), 0, 1},
};
#undef AT
#undef U16
#undef U32
#undef CIRCLE
#define RULES(table) table, sizeof table / sizeof *table

/* A whole decimal number within the limits; *ret_end is where it stopped. */
static bool read_integer(const char *text, const struct word_rule *rule, int64_t *ret_value,
                         const char **ret_end)
{
    char *end;

    if (!isdigit((unsigned char)text[text[0] == '-']) || strlen(text) > 16)
        return false;
    long long value = strtoll(text, &end, 10);
    *ret_end = end;
    *ret_value = value;
    return value >= rule->low && value <= rule->high;
}

static bool read_number(const char *text, const struct word_rule *rule, struct number *ret_number)
{
    const char *end = NULL;
    struct number number = {.set = true, .absolute = rule->kind == POSITION && *text == '@'};

    if (rule->kind == COUNT_OR_NONE && strcmp(text, "none") == 0)
        number.value = NONE;
    else if (!read_integer(text + number.absolute, rule, &number.value, &end) || *end)
        return false;
    *ret_number = number;
    return true;
}

static bool read_on_off(const char *text, struct number *ret_number)
{
    bool on = strcmp(text, "on") == 0;

    if (!on && strcmp(text, "off") != 0)
        return false;
    *ret_number = (struct number){.set = true, .value = on};
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool read_cookie(const char *text, struct segment_words *w)
{
    size_t digits = strlen(text);

    if (digits % 2 || digits / 2 > sizeof w->cookie)
        return false;
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        w->cookie[i] = (uint8_t)(high << 4 | low);
    }
    w->tfo = true;
    w->cookie_bytes = digits / 2;
    return true;
}

static bool read_block(const char *text, const struct word_rule *rule, struct segment_words *w)
{
    struct number from = {.set = true}, to = {.set = true};
    const char *end;

    if (w->blocks == SACK_BLOCKS_MAX || !read_integer(text, rule, &from.value, &end) || *end != '-')
        return false;
    if (!read_integer(end + 1, rule, &to.value, &end) || *end)
        return false;
    w->block[w->blocks][0] = from;
    w->block[w->blocks][1] = to;
    w->blocks++;
    return true;
}

static bool read_address(const char *text, uint8_t ret_addr[16], uint8_t *ret_family)
{
    memset(ret_addr, 0, 16);
    if (inet_pton(AF_INET, text, ret_addr + 12) == 1) {
        ret_addr[10] = ret_addr[11] = 0xff; /* ::ffff:a.b.c.d */
        *ret_family = 4;
        return true;
    }
    *ret_family = 6;
    return inet_pton(AF_INET6, text, ret_addr) == 1;
}

static bool read_direction(const char *text, int *ret_from)
{
    if ((*text != '>' && *text != '<') || text[1])
        return false;
    *ret_from = *text == '>' ? CLIENT : SERVER;
    return true;
}

static bool read_tunnel(const char *text, const struct word_rule *rule, struct frame_tunnel *ret_tunnel)
{
    static const struct {
        const char *name;
        enum frame_tunnel_kind kind;
    } kinds[] = {{"vxlan", FRAME_VXLAN},
                 {"geneve", FRAME_GENEVE},
                 {"gtpu", FRAME_GTPU},
                 {"gre", FRAME_GRE},
                 {"gretap", FRAME_GRETAP},
                 {"erspan", FRAME_ERSPAN},
                 {"erspan3", FRAME_ERSPAN3},
                 {"ipip", FRAME_IPIP},
                 {"teredo", FRAME_TEREDO},
                 {"mpls", FRAME_MPLS},
                 {"pseudowire", FRAME_PSEUDOWIRE},
                 {"pppoe", FRAME_PPPOE}};
    const char *end = text + strcspn(text, ":");
    size_t length = (size_t)(end - text);
    int64_t id = 0;

    if (*end && (!read_integer(end + 1, rule, &id, &end) || *end))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, text, length) == 0) {
            *ret_tunnel = (struct frame_tunnel){kinds[i].kind, (uint32_t)id};
            return true;
        }
    return false;
}

static bool read_value(const char *text, const struct word_rule *rule, void *target)
{
    struct number *number = (struct number *)(void *)((char *)target + rule->offset);

    switch (rule->kind) {
    case WORD:
        *number = (struct number){.set = true, .value = 1};
        return true;
    case ON_OFF:
        return read_on_off(text, number);
    case COOKIE:
        return read_cookie(text, target);
    case BLOCK:
        return read_block(text, rule, target);
    case ADDRESS:
        ((struct segment_words *)target)->from_set = true;
        return read_address(text, ((struct segment_words *)target)->from,
                            &((struct segment_words *)target)->from_family);
    case TUNNEL:
        return read_tunnel(text, rule, &((struct flow_words *)target)->tunnel);
    case DIRECTION:
        return read_direction(text, &((struct segment_words *)target)->quote);
    default:
        return read_number(text, rule, number);
    }
}

/* One word: "name" or "name=value". */
static int apply_word(struct reader *r, char *word, const struct word_rule *rules, size_t count, void *target)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rules[i].name, word) != 0)
            continue;
        if (value ? rules[i].kind == WORD : rules[i].kind != WORD && rules[i].kind != COOKIE)
            return fail(r, value ? "'%s' takes no value" : "'%s' needs a value", word);
        if (!read_value(value ? value : "", &rules[i], target))
            return fail(r, "'%s' cannot be %s", word, value);
        return 0;
    }
    return fail(r, "unknown word '%s'", word);
}

static int apply_words(struct reader *r, unsigned from, const struct word_rule *rules, size_t count,
                       void *target)
{
    for (unsigned i = from; i < r->words; i++)
        if (apply_word(r, r->text[i], rules, count, target))
            return -1;
    return 0;
}

/* ---- directives ---- */

static int read_link(struct reader *r)
{
    static const struct {
        const char *name;
        int type;
    } links[] = {{"ethernet", FRAME_ETHERNET}, {"raw", FRAME_RAW},    {"sll", FRAME_SLL},
                 {"sll2", FRAME_SLL2},         {"null", FRAME_NULL},  {"ppp", FRAME_PPP},
                 {"radiotap", FRAME_RADIOTAP}, {"nflog", FRAME_NFLOG}};

    if (r->has_packet)
        return fail(r, "the link type comes before the first packet");
    r->tap_at_client = r->words == 3 && strcmp(r->text[2], "client") == 0;
    if (r->words == 2 || r->tap_at_client)
        for (size_t i = 0; i < sizeof links / sizeof *links; i++)
            if (strcmp(links[i].name, r->text[1]) == 0) {
                r->wire.link = links[i].type;
                return 0;
            }
    return fail(r, "expected: link ethernet|raw|sll|sll2|null|ppp|radiotap|nflog [client]");
}

static int read_snaplen(struct reader *r)
{
    const struct word_rule rule = {"snaplen", COUNT, 0, 1, 262144};
    struct number number;

    if (r->words != 2 || r->has_packet || !read_number(r->text[1], &rule, &number))
        return fail(r, "expected, before the first packet: snaplen BYTES");
    r->wire.snaplen = (uint32_t)number.value;
    return 0;
}

/* "10.0.0.2:40000" or "[fd00::2]:40000" */
static bool read_endpoint(char *text, struct end *end, uint8_t *ret_family)
{
    const struct word_rule rule = {"port", COUNT, 0, 0, 65535};
    struct number port;
    char *colon = strrchr(text, ':');

    if (!colon || !read_number(colon + 1, &rule, &port))
        return false;
    *colon = '\0';
    end->port = (uint16_t)port.value;
    bool brackets = *text == '[' && colon > text && colon[-1] == ']';
    if (brackets) {
        colon[-1] = '\0';
        text++;
    }
    return read_address(text, end->addr, ret_family) && brackets == (*ret_family == 6);
}

static struct flow *find_flow(struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->flow_count; i++)
        if (strcmp(r->flows[i]->name, name) == 0)
            return r->flows[i];
    return NULL;
}

static int fill_flow(struct reader *r, struct flow *flow)
{
    struct flow_words w = {0};
    uint8_t family;

    memcpy(flow->name, r->text[1], strlen(r->text[1]) + 1); /* read_flow saw that it fits */
    if (!read_endpoint(r->text[2], &flow->end[CLIENT], &flow->family))
        return fail(r, "the client must be ADDRESS:PORT or [ADDRESS]:PORT");
    if (!read_endpoint(r->text[3], &flow->end[SERVER], &family))
        return fail(r, "the server must be ADDRESS:PORT or [ADDRESS]:PORT");
    if (family != flow->family)
        return fail(r, "client and server are of different IP versions");
    if (apply_words(r, 4, RULES(flow_rules), &w))
        return -1;
    if (w.tunnel.kind >= FRAME_MPLS && r->wire.link != FRAME_ETHERNET)
        return fail(r, "mpls, pseudowire and pppoe need link ethernet");
    if (w.tunnel.kind == FRAME_TEREDO && family == 4)
        return fail(r, "teredo carries IPv6");
    wire_flow_begin(flow, &w);
    return 0;
}

static int read_flow(struct reader *r)
{
    if (r->words < 4)
        return fail(r, "expected: flow NAME CLIENT SERVER [key=value]...");
    if (strlen(r->text[1]) >= sizeof(((struct flow *)0)->name) || find_flow(r, r->text[1]))
        return fail(r, "flow name '%s' is too long or already used", r->text[1]);

    struct flow **grown = realloc(r->flows, (r->flow_count + 1) * sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    r->flows = grown;
    r->flows[r->flow_count] = calloc(1, sizeof **grown);
    if (!r->flows[r->flow_count])
        return fail(r, "out of memory");
    return fill_flow(r, r->flows[r->flow_count++]);
}

/* ---- packets ---- */

/* Decimal seconds to nanoseconds, exactly. */
static bool read_seconds(const char *text, int64_t *ret_ns)
{
    int64_t seconds = 0, fraction = 0, unit = 1000000000;

    if (!isdigit((unsigned char)*text))
        return false;
    for (; isdigit((unsigned char)*text); text++) {
        seconds = seconds * 10 + (*text - '0');
        if (seconds > SECONDS_MAX)
            return false;
    }
    if (*text == '.')
        for (text++; isdigit((unsigned char)*text) && unit > 1; text++) {
            unit /= 10;
            fraction += unit * (*text - '0');
        }
    *ret_ns = seconds * 1000000000 + fraction;
    return !*text;
}

static int read_time(struct reader *r, struct segment_line *line)
{
    bool relative = r->text[0][0] == '+';

    if (!read_seconds(r->text[0] + relative, &line->time_ns))
        return fail(r, "'%s' is neither a directive (link, snaplen, flow) nor a time in seconds", r->text[0]);
    if (relative)
        line->time_ns += r->time_ns;
    if (line->time_ns > (int64_t)SECONDS_MAX * 1000000000)
        return fail(r, "that is too late");
    return 0;
}

static bool read_flags(const char *text, uint16_t *ret_flags)
{
    static const char letters[] = "FSRPAUEC"; /* bit 0 to bit 7 */

    *ret_flags = 0;
    if (strcmp(text, ".") == 0)
        return true;
    for (; *text; text++) {
        const char *at = strchr(letters, *text);
        if (!at || *ret_flags & 1u << (at - letters))
            return false;
        *ret_flags = (uint16_t)(*ret_flags | 1u << (at - letters));
    }
    return true;
}

static int read_icmp(struct reader *r, struct segment_line *line)
{
    const struct word_rule rule = {"icmp", COUNT, 0, 0, 255};
    struct number type, code;

    if (r->words < 5 || !read_number(r->text[3], &rule, &type) || !read_number(r->text[4], &rule, &code))
        return fail(r, "expected: TIME FLOW icmp TYPE CODE from=ADDRESS [quote=>|<]");
    line->icmp = true;
    line->icmp_type = (uint8_t)type.value;
    line->icmp_code = (uint8_t)code.value;
    return apply_words(r, 5, RULES(icmp_rules), &line->w);
}

static int read_segment(struct reader *r, struct segment_line *line)
{
    if (r->words < 4 || !read_direction(r->text[2], &line->from))
        return fail(r, "expected: TIME FLOW > or < FLAGS [key=value | word]...");
    if (!read_flags(r->text[3], &line->flags))
        return fail(r, "flags '%s': letters of FSRPAUEC, each once, or . for none", r->text[3]);
    if (apply_words(r, 4, RULES(segment_rules), &line->w))
        return -1;
    if (line->w.copy.set && r->words > 5)
        return fail(r, "a copy has no fields of its own");
    if (line->w.frag.value % 8)
        return fail(r, "fragments but the last are of a multiple of 8 bytes");
    return 0;
}

static int read_packet(struct reader *r)
{
    struct segment_line line = {0};

    if (read_time(r, &line))
        return -1;
    line.flow = r->words > 1 ? find_flow(r, r->text[1]) : NULL;
    if (!line.flow)
        return fail(r, "unknown flow '%s'", r->words > 1 ? r->text[1] : "");
    if (r->words > 2 && strcmp(r->text[2], "icmp") == 0 ? read_icmp(r, &line) : read_segment(r, &line))
        return -1;
    if (r->has_packet && line.time_ns < r->time_ns && !line.w.late.set)
        return fail(r, "earlier than the line above (the word `late` allows it)");
    r->time_ns = line.time_ns;
    r->has_packet = true;
    const char *wrong = wire_send(&r->wire, r->tap_at_client, &line);
    return wrong ? fail(r, "%s", wrong) : 0;
}

/* ---- lines ---- */

static int split(struct reader *r, const char *at, const char *end)
{
    r->words = 0;
    while (at < end && *at != '#') {
        size_t n = 0;
        if (isspace((unsigned char)*at)) {
            at++;
            continue;
        }
        if (r->words == WORDS_MAX)
            return fail(r, "more than %d words", WORDS_MAX);
        while (at < end && !isspace((unsigned char)*at) && *at != '#') {
            if (!*at || n == WORD_BYTES_MAX - 1)
                return fail(r, "a word is too long, or this is no text");
            r->text[r->words][n++] = *at++;
        }
        r->text[r->words++][n] = '\0';
    }
    return 0;
}

static int read_line(struct reader *r, const char *at, const char *end)
{
    static const struct {
        const char *word;
        int (*read)(struct reader *r);
    } directives[] = {{"link", read_link}, {"snaplen", read_snaplen}, {"flow", read_flow}};

    if (split(r, at, end))
        return -1;
    if (!r->words)
        return 0;
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        if (strcmp(directives[i].word, r->text[0]) == 0)
            return directives[i].read(r);
    return read_packet(r);
}

static int read_all(struct reader *r, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        r->line++;
        if (read_line(r, text, newline ? newline : end))
            return -1;
        text = newline ? newline + 1 : end;
    }
    return r->wire.bytes.failed ? fail(r, "out of memory") : 0;
}

int wire_parse(const char *name, const char *text, size_t length, struct wire *ret_wire,
               struct wire_error *error)
{
    struct reader r = {.name = name, .error = error, .wire = {.link = FRAME_ETHERNET, .snaplen = 262144}};
    int rc = read_all(&r, text, length);

    for (size_t i = 0; i < r.flow_count; i++) {
        wire_flow_done(r.flows[i]);
        free(r.flows[i]);
    }
    free(r.flows);
    if (rc)
        wire_done(&r.wire);
    else
        *ret_wire = r.wire;
    return rc;
}

void wire_done(struct wire *wire)
{
    tca_buf_done(&wire->bytes);
    free(wire->packets);
    memset(wire, 0, sizeof *wire);
}

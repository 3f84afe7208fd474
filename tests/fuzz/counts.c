/* SPDX-License-Identifier: MIT
 *
 * The summary against the rows: what a person reads first has to be what the tables say.
 *
 *     summary --> one line of text --> the number before some words
 *     flows, captures ---------------> the same number, counted by what the columns mean
 *
 * Held: packets, segments, connections; what could not be judged, by reason; connections without trouble; first answers; and, where no
 * queue and no incident explains connections together, each line `COUNTx FINDING at SERVER` and how many such lines there are.
 * Nothing here is shared with what makes the summary: it works on connections as they are in memory, this on cells.
 */
#include "counts.h"
#include "fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <tcpautopsy/registry.h>

enum { PLACE_LEN = 64, ID_LEN = 64, BLOCKS_MAX = 4096 };

/* ---- words of the summary ---- */

/* All lines in one, without the spaces that continue one; so words that were wrapped are found. */
static void read_page(struct tca_session *session, struct tca_buf *page, struct tca_buf *line)
{
    struct tca_error error;

    FUZZ_REQUIRE(!tca_session_summary(session, write_to_buf, page, &error), "summary: %s", error.text);
    tca_buf_char(page, 0);
    for (const char *at = page->bytes; *at; at++)
        if (*at == '\n')
            for (tca_buf_char(line, ' '); at[1] == ' ';)
                at++;
        else
            tca_buf_char(line, *at);
    tca_buf_char(line, 0);
    FUZZ_REQUIRE(!page->failed && !line->failed, "no memory for a summary");
}

/* The number that stands before these words; false where they are not there. */
static bool number_before(const char *text, const char *words, int64_t *ret_number)
{
    const char *end = strstr(text, words), *begin = end;

    while (begin && begin > text && isdigit((unsigned char)begin[-1]))
        begin--;
    if (!end || begin == end)
        return false;
    *ret_number = strtoll(begin, NULL, 10);
    return true;
}

/* In the singular or the plural; 0 where it is not told. */
static int64_t told(const char *text, const char *one, const char *many)
{
    int64_t number = 0;

    if (!number_before(text, many, &number))
        number_before(text, one, &number);
    return number;
}

static void require_between(const char *page, int64_t summary, int64_t least, int64_t maybe, const char *what)
{
    FUZZ_REQUIRE(summary >= least && summary <= least + maybe,
                 "%s\nthe summary counts %lld:%s, the rows make %lld and perhaps %lld more", page,
                 (long long)summary, what, (long long)least, (long long)maybe);
}

static void require_number(const char *page, int64_t summary, int64_t rows, const char *what)
{
    require_between(page, summary, rows, 0, what);
}

/* ---- rows of flows ---- */

struct rows {
    const struct table *flows;
    const char *page; /* for whoever has to find out */
    const char *line;
};

typedef bool is_fn(const struct table *flows, size_t row);

static bool cell_is(const struct table *table, size_t row, const char *column, const char *text)
{
    const char *cell = table_cell(table, row, column);
    return cell && strcmp(cell, text) == 0;
}

static bool damaged(const struct table *flows, size_t row, const char *how)
{
    return list_has(table_cell(flows, row, "damage"), how);
}

/* Copies that the capture made count as packets, and not as what they are. */
static bool with_copies(const struct table *flows, size_t row)
{
    return damaged(flows, row, "dup");
}

static bool only_resets(const struct table *flows, size_t row)
{
    return table_number(flows, row, "client_pkts") + table_number(flows, row, "server_pkts") ==
           table_number(flows, row, "rst_count");
}

/* Of a reset that an open socket sent the columns do not tell that it is one; to the summary it is a connection. */
static bool troubled_resets(const struct table *flows, size_t row)
{
    return only_resets(flows, row) && !cell_is(flows, row, "severity", "info");
}

static bool perhaps_resets(const struct table *flows, size_t row)
{
    return with_copies(flows, row) || only_resets(flows, row);
}

static bool start_cut(const struct table *flows, size_t row)
{
    return damaged(flows, row, "start_cut");
}

static bool with_gap(const struct table *flows, size_t row)
{
    return damaged(flows, row, "gap");
}

static bool options_cut(const struct table *flows, size_t row)
{
    return damaged(flows, row, "snaplen");
}

static bool vantage_unknown(const struct table *flows, size_t row)
{
    return cell_is(flows, row, "vantage", "unknown");
}

/* SYNs that nothing answered have but one direction, and it is all there is. */
static bool half_seen(const struct table *flows, size_t row)
{
    bool syns = table_number(flows, row, "client_pkts") == table_number(flows, row, "syn_count") &&
                !table_number(flows, row, "server_pkts");
    return damaged(flows, row, "one_way") && !with_copies(flows, row) && !syns;
}

/* Half seen, or SYNs and copies of them. */
static bool perhaps_half_seen(const struct table *flows, size_t row)
{
    return damaged(flows, row, "one_way") && with_copies(flows, row);
}

static bool pending(const struct table *flows, size_t row)
{
    return cell_is(flows, row, "handshake", "pending_at_end");
}

static bool whole(const struct table *flows, size_t row)
{
    return !pending(flows, row) && !start_cut(flows, row) && !half_seen(flows, row) &&
           !perhaps_half_seen(flows, row) && !cell_is(flows, row, "handshake", "midstream");
}

static bool answered(const struct table *flows, size_t row)
{
    const char *cell = table_cell(flows, row, "first_response_s");
    return cell && cell[0];
}

static bool answered_late(const struct table *flows, size_t row)
{
    const char *cell = table_cell(flows, row, "first_response_s");
    return cell && cell[0] && strcmp(cell, "1.000000000") != 0 && strtoll(cell, NULL, 10) >= 1;
}

static bool linked(const struct table *flows, size_t row)
{
    const char *twin = table_cell(flows, row, "twin"), *nat = table_cell(flows, row, "nat_of");
    return (twin && twin[0]) || (nat && nat[0]);
}

static int64_t count(const struct table *flows, is_fn *is)
{
    int64_t sum = 0;

    for (size_t row = 0; row < flows->rows; row++)
        sum += is(flows, row);
    return sum;
}

/* Of those that are a connection to the summary. */
static int64_t count_told(const struct table *flows, is_fn *is)
{
    int64_t sum = 0;

    for (size_t row = 0; row < flows->rows; row++)
        sum += !only_resets(flows, row) && is(flows, row);
    return sum;
}

/* ---- captures ---- */

static int64_t sum_of(const struct table *captures, const char *column)
{
    int64_t sum = 0;

    for (size_t row = 0; row < captures->rows; row++)
        sum += table_number(captures, row, column);
    return sum;
}

static int64_t undecoded(const struct table *captures)
{
    static const char *const fine[] = {"n_tcp",     "n_tcp_quoted", "n_not_ip",
                                       "n_not_tcp", "n_fragment",   "n_filtered"};
    int64_t sum = 0;

    for (size_t at = 0; at < captures->columns; at++)
        if (!strncmp(captures->name[at], "n_", 2))
            sum += sum_of(captures, captures->name[at]);
    for (size_t at = 0; at < sizeof fine / sizeof *fine; at++)
        sum -= sum_of(captures, fine[at]);
    return sum;
}

static int64_t not_whole(const struct table *captures)
{
    int64_t sum = 0;

    for (size_t row = 0; row < captures->rows; row++)
        sum += !cell_is(captures, row, "status", "ok") && !cell_is(captures, row, "status", "");
    return sum;
}

static void require_captures(const struct rows *r, const struct table *captures)
{
    const struct {
        const char *one, *many;
        int64_t sum;
    } line[] = {
        {" packet, ", " packets, ", sum_of(captures, "packets")},
        {" TCP, ", " TCP, ", sum_of(captures, "tcp_packets")},
        {" capture not read to its end", " captures not read to their end", not_whole(captures)},
        {" packet lost while capturing", " packets lost while capturing", sum_of(captures, "if_drops")},
        {" packet left out by", " packets left out by", sum_of(captures, "n_filtered")},
        {" packet not decodable", " packets not decodable", undecoded(captures)},
        {" IP packet without TCP", " IP packets without TCP", sum_of(captures, "n_not_tcp")},
    };

    for (size_t at = 0; at < sizeof line / sizeof *line; at++)
        require_number(r->page, told(r->line, line[at].one, line[at].many), line[at].sum, line[at].many);
}

/* ---- connections ---- */

/* Each row is a connection, or a tuple with nothing but resets, or one that another row tells. */
static void require_connections(const struct rows *r)
{
    const char *head = strstr(r->line, " TCP, ");
    int64_t connections = head ? strtoll(head + strlen(" TCP, "), NULL, 10) : -1;
    int64_t strays = told(r->line, " tuple with nothing but resets", " tuples with nothing but resets");
    int64_t again = told(r->line, " connection seen again behind", " connections seen again behind");
    int64_t others = (int64_t)r->flows->rows - connections - strays - again;
    bool once = strstr(r->line, ", each told once");

    FUZZ_REQUIRE(once ? others > 0 && others < count(r->flows, linked) : !others,
                 "%s\n%zu rows, and the summary has %lld connections, %lld of nothing but resets, %lld again",
                 r->page, r->flows->rows, (long long)connections, (long long)strays, (long long)again);
    FUZZ_REQUIRE(again <= count(r->flows, linked) && strays <= count(r->flows, perhaps_resets),
                 "%s\nmore are left off than could be", r->page);
}

static void require_reasons(const struct rows *r)
{
    const struct {
        const char *words;
        is_fn *is;
    } line[] = {
        {" from an unknown vantage", vantage_unknown},
        {" with bytes that were not captured", with_gap},
        {" with options cut by the snap length", options_cut},
    };
    const char *tail = strstr(r->line, "not judged: ");
    int64_t before = 0;

    FUZZ_REQUIRE(tail, "%s\nno last line", r->page);
    for (size_t at = 0; at < sizeof line / sizeof *line; at++)
        require_number(r->page, told(tail, line[at].words, line[at].words), count_told(r->flows, line[at].is),
                       line[at].words);
    if (!number_before(tail, " begun before the capture", &before))
        number_before(tail, " begun before what was read", &before);
    require_number(r->page, before, count_told(r->flows, start_cut), " begun before");
    static const char direction[] = " seen in one direction only";
    require_between(r->page, told(tail, direction, direction), count_told(r->flows, half_seen),
                    count_told(r->flows, perhaps_half_seen), direction);
}

/* The summary waits from the request on where that came after the ACK, so it finds no more late answers than the column. */
static void require_answers(const struct rows *r)
{
    const char *line = strstr(r->line, "first answer: "), *of = line ? strstr(line, " of ") : NULL;
    int64_t all, late;

    if (!of)
        return;
    all = strtoll(of + 4, NULL, 10);
    require_number(r->page, all, count_told(r->flows, answered), " answers");
    FUZZ_REQUIRE(number_before(line, " of ", &late) && late <= count_told(r->flows, answered_late),
                 "%s\nmore answers are late than rows tell", r->page);
}

static void require_healthy(const struct rows *r)
{
    int64_t number;

    if (number_before(r->line, " connections, none refused", &number) ||
        number_before(r->line, " connection, none refused", &number))
        require_between(r->page, number, count_told(r->flows, whole), count_told(r->flows, perhaps_half_seen),
                        " none refused");
    if (number_before(r->line, " more were not answered before the capture", &number) ||
        number_before(r->line, " more was not answered before the capture", &number))
        require_number(r->page, number, count_told(r->flows, pending), " not answered");
}

/* ---- what connections were found to have ---- */

struct block {
    char id[ID_LEN], place[PLACE_LEN];
    int64_t connections;
};

struct blocks {
    size_t count;
    struct block block[BLOCKS_MAX];
};

static void add_block(struct blocks *all, const char *id, const char *place)
{
    size_t at = 0;

    while (at < all->count &&
           (strcmp(all->block[at].id, id) != 0 || strcmp(all->block[at].place, place) != 0))
        at++;
    FUZZ_REQUIRE(at < BLOCKS_MAX, "too many kinds of trouble");
    if (at == all->count) {
        struct block *new = &all->block[all->count++];
        snprintf(new->id, sizeof new->id, "%s", id);
        snprintf(new->place, sizeof new->place, "%s", place);
        new->connections = 0;
    }
    all->block[at].connections++;
}

static int rank(const char *severity)
{
    static const char *const rising[] = {"info", "low", "medium", "high"};
    int at = 3;

    while (at && strcmp(rising[at], severity) != 0)
        at--;
    return at;
}

/* The id of a row's opening or close; of those of equal severity as the verdict they are what the row is told by. False where it
 * cannot be known: whether a column was asked for depends on the settings. */
static bool id_of(const struct table *flows, size_t row, char *ret_id)
{
    const char *verdict = table_cell(flows, row, "verdict");
    struct tca_finding_info info, own;
    char column[ID_LEN];

    snprintf(ret_id, ID_LEN, "%s", verdict);
    if (!tca_registry_finding_by_id(verdict, &info) || !strcmp(info.column, "event"))
        return true;
    snprintf(column, sizeof column, "%s_%s", info.column, table_cell(flows, row, info.column));
    if (!strcmp(column, verdict) || !tca_registry_finding_by_id(column, &own) ||
        rank(own.severity) < rank(info.severity))
        return true;
    snprintf(ret_id, ID_LEN, "%s", column);
    snprintf(column, sizeof column, "%s_confidence", info.column);
    return cell_is(flows, row, column, "certain");
}

static bool gather(const struct table *flows, struct blocks *all)
{
    char id[ID_LEN], place[PLACE_LEN];

    for (size_t row = 0; row < flows->rows; row++) {
        const char *ip = table_cell(flows, row, "server_ip");
        if (only_resets(flows, row) || cell_is(flows, row, "severity", "info"))
            continue;
        if (!id_of(flows, row, id))
            return false;
        snprintf(place, sizeof place, strchr(ip, ':') ? "[%s]:%s" : "%s:%s", ip,
                 table_cell(flows, row, "server_port"));
        add_block(all, id, place);
    }
    return true;
}

/* `!! 3x finding at 10.0.0.1:80`; the words up to the next space. */
static bool parse_block(const char *line, struct block *ret_block)
{
    char *end;

    if (strncmp(line, "!! ", 3) != 0 && strncmp(line, "!  ", 3) != 0 && strncmp(line, ".  ", 3) != 0)
        return false;
    ret_block->connections = strtoll(line + 3, &end, 10);
    return end > line + 3 && sscanf(end, "x %63[a-z0-9_] at %63[^ \n]", ret_block->id, ret_block->place) == 2;
}

static void require_block(const struct rows *r, const struct blocks *all, const struct block *one)
{
    int64_t connections = 0;

    for (size_t at = 0; at < all->count; at++)
        if (!strcmp(all->block[at].id, one->id) && !strcmp(all->block[at].place, one->place))
            connections = all->block[at].connections;
    FUZZ_REQUIRE(connections == one->connections, "%s\n%s at %s: the summary counts %lld, the rows make %lld",
                 r->page, one->id, one->place, (long long)one->connections, (long long)connections);
}

static void require_blocks(const struct rows *r)
{
    static struct blocks all;
    struct block one;
    int64_t lines = 0, further = 0;

    all.count = 0;
    if (!gather(r->flows, &all))
        return;
    for (const char *line = r->page; *line; line += strcspn(line, "\n"), line += *line != 0)
        if (parse_block(line, &one)) {
            lines++;
            require_block(r, &all, &one);
        }
    lines += told(r->line, " more kind of trouble", " more kinds of trouble");
    if (!number_before(r->line, " more at further servers", &further))
        require_number(r->page, lines, (int64_t)all.count, " kinds of trouble");
}

/* ---- what explains connections together ---- */

static int see_incident(void *user, const struct tca_row *row)
{
    bool *any = user;

    for (size_t at = 0; at < row->count; at++)
        *any |= !strcmp(row->name[at], "flow_id") && !row->cell[at][0];
    return 0;
}

static int see_episode(void *user, const struct tca_row *row)
{
    bool *any = user;

    for (size_t at = 0; at < row->count; at++)
        *any |= !strcmp(row->name[at], "overflow_episodes") && strtoll(row->cell[at], NULL, 10);
    return 0;
}

static bool explained_together(struct tca_session *session)
{
    bool any = false;

    FUZZ_REQUIRE(!tca_session_table(session, "events", see_incident, &any, NULL), "events");
    FUZZ_REQUIRE(!tca_session_table(session, "listeners", see_episode, &any, NULL), "listeners");
    return any;
}

void fuzz_require_counts(struct tca_session *session, const struct table *flows, const struct table *captures)
{
    struct tca_buf page = {0}, line = {0};

    read_page(session, &page, &line);
    struct rows r = {.flows = flows, .page = page.bytes, .line = line.bytes};
    require_captures(&r, captures);
    require_connections(&r);
    bool known = told(line.bytes, " tuple with nothing but resets", " tuples with nothing but resets") ==
                     count(flows, only_resets) &&
                 !count(flows, troubled_resets);
    if (known && !count(flows, linked)) {
        require_reasons(&r);
        require_answers(&r);
        require_healthy(&r);
        if (captures->rows == 1 && !explained_together(session))
            require_blocks(&r);
    }
    tca_buf_done(&page);
    tca_buf_done(&line);
}

/* SPDX-License-Identifier: MIT
 *
 * Filter expressions. The words below are those of pcap-filter(7); any other word is a name, and what libpcap
 * would make of it depends on the word before: after `port` a service, after `host`, or at the beginning, a
 * host. Words after `and` and `or` go on with what came before (`port http or https`).
 */
#include "capture/filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "capture/reader.h"

/* Keep what was before; let names follow; anything after is an address. */
static const char *const joining_words[] = {"and", "or", "not"};
static const char *const naming_words[] = {"port", "portrange", "proto", "protochain", "type",   "subtype",
                                           "dir",  "direction", "on",    "ifname",     "reason", "action",
                                           "rset", "ruleset",   "llc",   "len",        "length"};
static const char *const address_words[] = {
    "src",         "dst",     "host",      "net",       "mask",       "gateway",  "link",     "ether",
    "ppp",         "slip",    "fddi",      "tr",        "wlan",       "arp",      "rarp",     "ip",
    "ip6",         "sctp",    "tcp",       "udp",       "icmp",       "icmp6",    "igmp",     "igrp",
    "pim",         "vrrp",    "carp",      "ah",        "esp",        "radio",    "atalk",    "aarp",
    "decnet",      "lat",     "sca",       "moprc",     "mopdl",      "iso",      "esis",     "es-is",
    "isis",        "is-is",   "l1",        "l2",        "iih",        "lsp",      "snp",      "csnp",
    "psnp",        "clnp",    "stp",       "ipx",       "netbeui",    "ra",       "ta",       "addr1",
    "addr2",       "addr3",   "addr4",     "address1",  "address2",   "address3", "address4", "less",
    "greater",     "byte",    "broadcast", "multicast", "inbound",    "outbound", "ifindex",  "vlan",
    "mpls",        "pppoed",  "pppoes",    "geneve",    "lane",       "metac",    "bcc",      "oam",
    "oamf4",       "oamf4ec", "oamf4sc",   "sc",        "ilmic",      "vpi",      "vci",      "connectmsg",
    "metaconnect", "rnr",     "rulenum",   "srnr",      "subrulenum", "fisu",     "lssu",     "lsu",
    "msu",         "hfisu",   "hlssu",     "hmsu",      "sio",        "opc",      "dpc",      "sls",
    "hsio",        "hopc",    "hdpc",      "hsls"};

static const char word_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";

static bool is_one_of(const char *const *words, size_t count, const char *word, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(words, word, len) is_one_of(words, sizeof(words) / sizeof *(words), word, len)

/* Field names such as tcp-syn, icmp-echo, icmp6-neighborsolicit, tcpflags, icmptype. */
static bool is_field(const char *word, size_t len)
{
    static const char *const beginnings[] = {"tcp-",     "icmp-",    "icmp6-",    "tcpflags",
                                             "icmptype", "icmpcode", "icmp6type", "icmp6code"};

    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (len >= strlen(beginnings[i]) && memcmp(word, beginnings[i], strlen(beginnings[i])) == 0)
            return memchr(word, '.', len) == NULL;
    return false;
}

/* A number, an IPv4 or IPv6 address, a MAC address in any of its spellings. */
static bool is_address(const char *word, size_t len)
{
    size_t hex = 0, decimal = 0, dots = 0, colons = 0;

    if (len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
        return true;
    for (size_t i = 0; i < len; i++) {
        hex += isxdigit((unsigned char)word[i]) != 0;
        decimal += isdigit((unsigned char)word[i]) != 0;
        dots += word[i] == '.' || word[i] == '-';
        colons += word[i] == ':';
    }
    if (hex + dots + colons != len)
        return false;
    return colons > 0 || decimal + dots == len || hex == 12 || dots == 5;
}

/* TCA_EUSAGE when libpcap would look up a host or network in this expression. */
static int check_names(const char *expression, struct tca_error *err)
{
    const char *at = expression;
    bool names_allowed = false;

    while (*at) {
        size_t len = strspn(at, word_characters);

        if (*at == '[') { /* packet data: arithmetic, no names */
            at += strcspn(at, "]");
            continue;
        }
        if (len == 0) {
            at++;
            continue;
        }
        if (IS_ONE_OF(naming_words, at, len))
            names_allowed = true;
        else if (IS_ONE_OF(address_words, at, len))
            names_allowed = false;
        else if (!IS_ONE_OF(joining_words, at, len) && !is_field(at, len) && !is_address(at, len) &&
                 !names_allowed)
            return tca_fail(
                err, TCA_EUSAGE,
                "filter: '%.*s' is neither a keyword nor an address, and names are never resolved: "
                "write the address",
                (int)(len < 100 ? len : 100), at);
        at += len;
    }
    return TCA_OK;
}

/* Compile for the DLT_ value of `dead`. 0 and a program for pcap_freecode(), or TCA_EUSAGE or TCA_EMEMORY with words in *err. */
static int compile(pcap_t *dead, const char *expression, struct bpf_program *ret_program,
                   struct tca_error *err)
{
    int code = check_names(expression, err);

    if (code < 0)
        return code;
    errno = 0;
    if (pcap_compile(dead, ret_program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0)
        return TCA_OK;
    if (errno == ENOMEM)
        return tca_fail_memory(err);
    return tca_fail(err, TCA_EUSAGE, "filter: %s: see pcap-filter(7)", pcap_geterr(dead));
}

/* Loads of what Linux knows beside a packet (linux/filter.h: SKF_AD_OFF, and SKF_AD_PKTTYPE in it). */
static const bpf_u_int32 BESIDE = 0xfffff000, PACKET_TYPE = 0xfffff004;

static bool loads_beside(const struct bpf_insn *insn)
{
    bool from_packet = BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND;

    return BPF_CLASS(insn->code) == BPF_LD && from_packet && insn->k >= BESIDE;
}

/* Put the answer instead of each question which way a packet went. True if there was one. */
static bool answer_direction(struct bpf_program *program, uint32_t packet_type)
{
    bool asked = false;

    for (unsigned i = 0; i < program->bf_len; i++) {
        struct bpf_insn *insn = &program->bf_insns[i];

        if (loads_beside(insn) && insn->k == PACKET_TYPE) {
            *insn = (struct bpf_insn){.code = BPF_LD | BPF_IMM, .k = packet_type};
            asked = true;
        }
    }
    return asked;
}

static bool asks_beside(const struct bpf_program *program)
{
    for (unsigned i = 0; i < program->bf_len; i++)
        if (loads_beside(&program->bf_insns[i]))
            return true;
    return false;
}

static int compile_for(const char *expression, int link, struct bpf_program *ret_program,
                       struct tca_error *err)
{
    pcap_t *dead = pcap_open_dead(tca_link_dlt(link), TCA_PACKET_MAX);
    int code;

    if (!dead)
        return tca_fail_memory(err);
    code = compile(dead, expression, ret_program, err);
    pcap_close(dead);
    return code;
}

int tca_filter_check(const char *expression, int link, struct tca_error *err)
{
    struct bpf_program program;
    int code = compile_for(expression, link, &program, err);

    if (code == TCA_OK)
        pcap_freecode(&program);
    return code;
}

int tca_filter_init(struct tca_filter *filter, const char *expression)
{
    *filter = (struct tca_filter){0};
    if (!expression || !*expression)
        return TCA_OK;
    filter->expression = tca_strdup(expression);
    return filter->expression ? TCA_OK : TCA_EMEMORY;
}

void tca_filter_done(struct tca_filter *filter)
{
    for (size_t i = 0; i < filter->programs; i++) {
        pcap_freecode(&filter->program[i].bpf);
        pcap_freecode(&filter->program[i].outward);
    }
    filter->programs = 0;
    tca_free(filter->expression);
    filter->expression = NULL;
}

/* Compile for the program's link type; 0, or words in *err. */
static int make_program(struct tca_filter_program *program, const char *expression, struct tca_error *err)
{
    enum { TO_US = 0, BY_US = 4 };
    int code = compile_for(expression, program->link, &program->bpf, err);

    if (code == TCA_OK)
        program->directed = answer_direction(&program->bpf, TO_US);
    if (program->directed)
        code = compile_for(expression, program->link, &program->outward, err);
    if (program->directed && code == TCA_OK)
        answer_direction(&program->outward, BY_US);
    if (code < 0 || !asks_beside(&program->bpf))
        return code;
    return tca_fail(err, TCA_EUSAGE, "filter: captures of link type %s do not tell the index of an interface",
                    tca_link_name(program->link));
}

struct tca_filter_program *tca_filter_for(struct tca_filter *filter, int link, struct tca_error *err)
{
    struct tca_filter_program *program;
    struct tca_error ignored;

    if (!filter->expression || !tca_link_decoded(link))
        return NULL;
    for (size_t i = 0; i < filter->programs; i++)
        if (filter->program[i].link == link)
            return &filter->program[i];
    program = &filter->program[filter->programs++]; /* there is one for every link type that is decoded */
    program->link = link;
    program->fits = make_program(program, filter->expression, err ? err : &ignored) == TCA_OK;
    return program;
}

static bool run(const struct bpf_program *program, const struct tca_record *record)
{
    const struct pcap_pkthdr header = {.caplen = record->captured, .len = record->original};

    return pcap_offline_filter(program, &header, record->bytes) != 0;
}

static bool match_by_direction(struct tca_filter_program *program, const struct tca_record *record)
{
    bool if_in, if_out;

    if (record->direction != TCA_DIRECTION_UNKNOWN)
        return run(record->direction == TCA_DIRECTION_OUT ? &program->outward : &program->bpf, record);
    if_in = run(&program->bpf, record);
    if_out = run(&program->outward, record);
    program->undirected += if_in != if_out;
    return if_in && if_out;
}

bool tca_filter_match(struct tca_filter_program *program, const struct tca_record *record)
{
    if (!program)
        return true;
    if (!program->fits) {
        program->unfit++;
        return false;
    }
    return program->directed ? match_by_direction(program, record) : run(&program->bpf, record);
}

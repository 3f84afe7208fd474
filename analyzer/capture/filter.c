/* SPDX-License-Identifier: MIT
 *
 * Filter expressions. The words below are those of pcap-filter(7); any other word is a name, and what libpcap
 * would make of it depends on the word before: after `port` a service, after `host`, or at the beginning, a
 * host. Words after `and` and `or` go on with what came before (`port http or https`).
 */
#include "capture/filter.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

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

static int refuse_name(const char *word, size_t len, struct tca_error *err)
{
    err->code = TCA_EUSAGE;
    err->frame = 0;
    err->offset = -1;
    snprintf(
        err->text, sizeof err->text,
        "filter: '%.*s' is neither a keyword nor an address, and names are never resolved: write the address",
        (int)(len < 100 ? len : 100), word);
    return TCA_EUSAGE;
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
            return refuse_name(at, len, err);
        at += len;
    }
    return TCA_OK;
}

/* Compile for the DLT_ value of `dead`. 0 and a program for pcap_freecode(), or TCA_EUSAGE with words in *err. */
static int compile(pcap_t *dead, const char *expression, struct bpf_program *ret_program,
                   struct tca_error *err)
{
    int code = check_names(expression, err);

    if (code < 0)
        return code;
    if (pcap_compile(dead, ret_program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0)
        return TCA_OK;
    err->code = TCA_EUSAGE;
    err->frame = 0;
    err->offset = -1;
    snprintf(err->text, sizeof err->text, "filter: %s: see pcap-filter(7)", pcap_geterr(dead));
    return TCA_EUSAGE;
}

static int compile_for(const char *expression, int link, struct bpf_program *ret_program,
                       struct tca_error *err)
{
    pcap_t *dead = pcap_open_dead(tca_link_dlt(link), TCA_PACKET_MAX);
    int code;

    if (!dead) {
        *err = (struct tca_error){.code = TCA_EMEMORY, .offset = -1, .text = "out of memory"};
        return TCA_EMEMORY;
    }
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
    for (size_t i = 0; i < filter->programs; i++)
        if (filter->program[i].fits)
            pcap_freecode(&filter->program[i].bpf);
    filter->programs = 0;
    tca_free(filter->expression);
    filter->expression = NULL;
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
    program->fits = compile_for(filter->expression, link, &program->bpf, err ? err : &ignored) == TCA_OK;
    return program;
}

bool tca_filter_match(struct tca_filter_program *program, const struct tca_packet *packet)
{
    const struct pcap_pkthdr header = {.caplen = packet->captured, .len = packet->original};

    if (!program)
        return true;
    if (program->fits)
        return pcap_offline_filter(&program->bpf, &header, packet->bytes) != 0;
    program->unfit++;
    return false;
}

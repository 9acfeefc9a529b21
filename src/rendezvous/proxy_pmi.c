/* PMI-1 clients: their key-value space and their barrier are keys of the store. */
#include "rendezvous/proxy_parts.h"

#include <errno.h>
#include <stdlib.h>

#define PREFIX      "pmi/"
#define BARRIER_KEY "pmi-barrier"

struct proxy_client *proxy_pmi_new(struct proxy *proxy, void *client_data, uint32_t rank)
{
    struct proxy_client *client = proxy_client_new(proxy, client_data);

    if (!client)
        return NULL;
    client->rank = rank;
    client->pmi = pmi_new(rank);
    if (client->pmi)
        return client;
    proxy_client_gone(proxy, client);
    return NULL;
}

/* Ranks of each node but the last, which may be ours. */
static uint32_t ranks_a_node(const struct proxy_limits *limits)
{
    uint32_t nproc = limits->node_rank ? limits->first_rank / limits->node_rank : limits->nproc;

    return nproc ? nproc : 1;
}

static void get(struct proxy *proxy, struct proxy_client *client, struct str key)
{
    struct buf name = {0}, value = {0}, answer = {0};
    struct str full;

    if (str_is(key, PMI_MAPPING_KEY)) {
        pmi_mapping(&value, proxy->limits.world, ranks_a_node(&proxy->limits));
        pmi_say_get(&answer, true, (struct str){value.p, value.len});
        client_reply(client, &answer);
    } else {
        buf_puts(&name, PREFIX);
        buf_add(&name, key.p, key.len);
        full = (struct str){name.p, name.len};
        if (name.failed)
            proxy->failed = true;
        else
            (void)wait_for_keys(proxy, client, KV_GET, &full, 1);
    }
    buf_done(&name);
    buf_done(&value);
    buf_done(&answer);
}

static void put(struct proxy_client *client, const struct pmi_command *command)
{
    struct buf name = {0};

    buf_puts(&name, PREFIX);
    buf_add(&name, command->key.p, command->key.len);
    if (name.failed)
        client->proxy->failed = true;
    else
        client_set(client, (struct str){name.p, name.len}, command->value);
    buf_done(&name);
}

static void handle(struct proxy *proxy, struct proxy_client *client,
                   const struct pmi_command *command)
{
    struct buf answer = {0};

    switch (command->verb) {
    case PMI_INIT:
        pmi_say_init(&answer);
        break;
    case PMI_GET_MAXES:
        pmi_say_maxes(&answer);
        break;
    case PMI_GET_APPNUM:
        pmi_say_number(&answer, PMI_GET_APPNUM, 0);
        break;
    case PMI_GET_UNIVERSE_SIZE:
        pmi_say_number(&answer, PMI_GET_UNIVERSE_SIZE, proxy->limits.world);
        break;
    case PMI_GET_MY_KVSNAME:
        pmi_say_kvsname(&answer);
        break;
    case PMI_PUT:
        put(client, command);
        pmi_say_put(&answer);
        break;
    case PMI_GET:
        get(proxy, client, command->key);
        break;
    case PMI_BARRIER_IN:
        client->pmi->barriers++;
        client_add(client, KV_BARRIER, STR(BARRIER_KEY), 1,
                   client->pmi->barriers * proxy->limits.world);
        break;
    case PMI_FINALIZE:
        pmi_say_finalize(&answer);
        break;
    case PMI_ABORT:
        if (proxy->out.aborted)
            proxy->out.aborted(proxy->out.data, client->data, command->number);
        break;
    default:
        pmi_say_unsupported(&answer, command->verb);
    }
    client_reply(client, &answer);
    buf_done(&answer);
}

bool pmi_run_one(struct proxy *proxy, struct proxy_client *client)
{
    struct pmi_command command;
    struct err err;
    int r = pmi_next(client->pmi, &command, &err);

    if (r < 0)
        client_hang_up(client, err.text);
    if (r <= 0)
        return false;
    handle(proxy, client, &command);
    return true;
}

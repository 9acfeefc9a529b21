/* Links, judged from both ends: the port, and function 0 of the device behind it. */
#include "rules/check.h"

/* What both ends say about one link; -1 where an end does not say. Speeds are in MT/s. */
struct link {
    const struct topo_device *port, *device;
    int64_t port_speed_cap, device_speed_cap, port_width_cap, device_width_cap;
    int64_t speed, width; /* as it runs */
    int64_t target;       /* the port's target speed */
};

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct link read_link(const struct check *check, uint32_t index)
{
    const struct topo_link *ends = &check->topo->links[index];
    struct link link = {.port = &check->topo->devices[ends->port],
                        .device = &check->topo->devices[ends->device]};
    uint32_t port = link.port->subject, device = link.device->subject;

    link.port_speed_cap = check_number(check, port, KEY_CAP_SPEED, -1);
    link.port_width_cap = check_number(check, port, KEY_CAP_WIDTH, -1);
    link.device_speed_cap = check_number(check, device, KEY_CAP_SPEED, -1);
    link.device_width_cap = check_number(check, device, KEY_CAP_WIDTH, -1);
    link.target = check_number(check, port, KEY_TARGET_SPEED, -1);
    link.speed = check_number(check, device, KEY_LINK_SPEED, -1);
    link.width = check_number(check, device, KEY_LINK_WIDTH, -1);
    if (link.speed <= 0)
        link.speed = check_number(check, port, KEY_LINK_SPEED, -1);
    if (link.width <= 0)
        link.width = check_number(check, port, KEY_LINK_WIDTH, -1);
    return link;
}

/* Nine rules ask for the same ends, so they are read once a node. */
static struct link look_at_link(struct check *check, uint32_t index)
{
    if (!check->links) {
        check->links =
            arena_alloc(check->node->arena, (check->topo->link_count + 1) * sizeof(*check->links));
        for (uint32_t i = 0; check->links && i < check->topo->link_count; i++)
            check->links[i] = read_link(check, i);
    }
    return check->links ? check->links[index] : read_link(check, index);
}

/* The widths that exist; others are what a register of ones reads as. */
static bool width_is_real(int64_t width)
{
    return width > 0 && width <= 32;
}

static int64_t speed_cap(const struct link *link)
{
    if (link->port_speed_cap <= 0 || link->device_speed_cap <= 0)
        return -1;
    return lower(link->port_speed_cap, link->device_speed_cap);
}

/* GPUs slow their links down when idle; AMD cards have a switch of their own in front. */
static bool is_gpu_link(const struct check *check, const struct link *link)
{
    const struct topo *topo = check->topo;
    int device = (int)(link->device - topo->devices);

    if (link->device->kind == TOPO_GPU)
        return true;
    if (link->device->kind != TOPO_BRIDGE || link->device->vendor_device >> 16 != 0x1002)
        return false;
    for (uint32_t i = 0; i < topo->gpu_count; i++)
        for (int up = topo->devices[topo->gpus[i]].parent; up >= 0; up = topo->devices[up].parent)
            if (up == device)
                return true;
    return false;
}

/* Below this a GPU's link is at rest: they go to 2.5 or 5GT/s. */
#define GPU_REST_SPEED_MAX 5000

static bool gpu_at_rest(const struct check *check, const struct link *link)
{
    const char *state;

    if (!is_gpu_link(check, link))
        return false;
    if (link->speed <= GPU_REST_SPEED_MAX)
        return true;
    state = check_text(check, link->device->subject, KEY_SMI_PSTATE, "");
    return *state && strcmp(state, "P0") != 0;
}

/* Does the port's own target hold this link down? */
static bool held_by_target(const struct link *link)
{
    int64_t target = link->target, cap = speed_cap(link);

    return target > 0 && cap > 0 && target < cap && link->speed > 0 && link->speed <= target;
}

static struct fact_at link_line(const struct check *check, const struct link *link,
                                enum check_key key)
{
    struct fact_at at = check_fact(check, link->device->subject, key);

    return at.fact ? at : check_fact(check, link->port->subject, key);
}

static const char *speed_text(const struct check *check, uint32_t subject, enum check_key key)
{
    return check_text(check, subject, key, "?");
}

void check_link_width(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);
        int64_t cap = lower(link.port_width_cap, link.device_width_cap);

        if (!width_is_real(link.width) || !width_is_real(cap) || link.width >= cap)
            continue;
        check_hit(check, link.device->subject, link_line(check, &link, KEY_LINK_WIDTH),
                  "x%lld; the port above (%s) and the device can do x%lld", (long long)link.width,
                  check->node->subjects[link.port->subject].name, (long long)cap);
        check_hit(check, link.port->subject, check_fact(check, link.port->subject, KEY_LINK_WIDTH),
                  "the port above");
    }
}

void check_link_speed(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);
        int64_t cap = speed_cap(&link);

        if (cap <= 0 || link.speed <= 0 || link.speed >= cap || gpu_at_rest(check, &link) ||
            held_by_target(&link))
            continue;
        check_hit(check, link.device->subject, link_line(check, &link, KEY_LINK_SPEED),
                  "%s; the port above (%s) can do %s, the device %s",
                  link_line(check, &link, KEY_LINK_SPEED).fact->text,
                  check->node->subjects[link.port->subject].name,
                  speed_text(check, link.port->subject, KEY_CAP_SPEED),
                  speed_text(check, link.device->subject, KEY_CAP_SPEED));
        check_hit(check, link.port->subject, check_fact(check, link.port->subject, KEY_LINK_SPEED),
                  "the port above");
    }
}

void check_link_slot(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);

        if (!(check->who[link.device->subject] & WHO_WORK) || !width_is_real(link.port_width_cap) ||
            !width_is_real(link.device_width_cap) || link.port_width_cap >= link.device_width_cap)
            continue;
        check_hit(check, link.port->subject, check_fact(check, link.port->subject, KEY_CAP_WIDTH),
                  "the port of %s is wired x%lld, the card is x%lld",
                  check_role(check, link.device->subject), (long long)link.port_width_cap,
                  (long long)link.device_width_cap);
    }
}

void check_link_target(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);

        if (!held_by_target(&link))
            continue;
        check_hit(check, link.port->subject,
                  check_fact(check, link.port->subject, KEY_TARGET_SPEED),
                  "the link to %s runs at %s; without this target both ends can do %s",
                  check_role(check, link.device->subject),
                  link_line(check, &link, KEY_LINK_SPEED).fact->text,
                  speed_text(check,
                             link.port_speed_cap < link.device_speed_cap ? link.port->subject
                                                                         : link.device->subject,
                             KEY_CAP_SPEED));
    }
}

void check_link_idle(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);
        int64_t cap = speed_cap(&link);

        if (cap <= 0 || link.speed <= 0 || link.speed >= cap || !gpu_at_rest(check, &link) ||
            held_by_target(&link))
            continue;
        check_hit(check, link.device->subject, link_line(check, &link, KEY_LINK_SPEED),
                  "%s at rest; its speed under load was not seen",
                  link_line(check, &link, KEY_LINK_SPEED).fact->text);
    }
}

/* Ports above like devices: is there one that can do less than most? */
#define SIBLINGS_MAX 64
#define LINKS_MAX    1024 /* each is compared with each */

void check_link_sibling_ports(struct check *check)
{
    uint32_t links = (uint32_t)lower(check->topo->link_count, LINKS_MAX);

    for (uint32_t i = 0; i < links; i++) {
        struct link link = look_at_link(check, i);
        uint32_t like = 0, better = 0;
        int64_t best = 0;

        if (!(check->who[link.device->subject] & WHO_WORK) || link.port_speed_cap <= 0)
            continue;
        for (uint32_t k = 0; k < links && like < SIBLINGS_MAX; k++) {
            const struct topo_link *ends = &check->topo->links[k];
            const struct topo_device *device = &check->topo->devices[ends->device];
            int64_t cap;

            if (device->vendor_device != link.device->vendor_device ||
                device->kind != link.device->kind)
                continue;
            cap = look_at_link(check, k).port_speed_cap;
            like++;
            better += cap > link.port_speed_cap;
            best = cap > best ? cap : best;
        }
        /* Only where the device itself could use more, and most of its like have more. */
        if (better * 2 > like && like >= 3 && link.device_speed_cap > link.port_speed_cap)
            check_hit(check, link.port->subject,
                      check_fact(check, link.port->subject, KEY_CAP_SPEED),
                      "the port of %s can do less than %u of %u ports above the same model",
                      check_role(check, link.device->subject), better, like);
    }
}

/* All-ones reads, or a link that is down though its device was found. */
void check_link_gone(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->count; i++) {
        const struct topo_device *device = &check->topo->devices[i];
        struct fact_at width, rev;

        if (!(check->who[device->subject] & (WHO_WORK | WHO_NVME)))
            continue;
        width = check_fact(check, device->subject, KEY_LINK_WIDTH);
        rev = check_fact(check, device->subject, KEY_HEADER_REV);
        if (rev.fact && rev.fact->number == 0xff && !width.fact)
            check_hit(check, device->subject, rev, "revision ff: all reads give ones");
        else if (device->port == PORT_ENDPOINT && width.fact && !width_is_real(width.fact->number))
            check_hit(check, device->subject, width, "width %s, speed %s", width.fact->text,
                      check_text(check, device->subject, KEY_LINK_SPEED, "unknown"));
    }
}

/* EqualizationComplete is that of 8GT/s; faster links tell it elsewhere and may skip this one. */
void check_link_equalization(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);
        struct fact_at done;

        if (link.speed != 8000 || !(check->who[link.device->subject] & WHO_WORK))
            continue;
        done = check_fact(check, link.port->subject, KEY_EQ_COMPLETE);
        if (done.fact && !done.fact->number)
            check_hit(check, link.port->subject, done, "the link to %s runs at 8GT/s",
                      check_role(check, link.device->subject));
    }
}

/* The smallest of DevCap from a device up to its root port, if all use the same in DevCtl: -1 else.
 */
static int64_t path_payload_cap(const struct check *check, const struct topo_device *device)
{
    int64_t cap = check_number(check, device->subject, KEY_CAP_PAYLOAD, -1);
    int64_t used = check_number(check, device->subject, KEY_MAX_PAYLOAD, -1);

    for (int up = device->parent; up >= 0; up = check->topo->devices[up].parent) {
        uint32_t bridge = check->topo->devices[up].subject;

        if (check_number(check, bridge, KEY_MAX_PAYLOAD, -1) != used)
            return -1;
        cap = lower(cap, check_number(check, bridge, KEY_CAP_PAYLOAD, -1));
    }
    return device->parent < 0 ? -1 : cap;
}

void check_max_payload_low(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->count; i++) {
        const struct topo_device *device = &check->topo->devices[i];
        struct fact_at used;

        if (!(check->who[device->subject] & (WHO_GPU | WHO_RDMA)))
            continue;
        used = check_fact(check, device->subject, KEY_MAX_PAYLOAD);
        if (used.fact && used.fact->number == 128 && path_payload_cap(check, device) >= 256)
            check_hit(check, device->subject, used, "all of the path can do %lld bytes",
                      (long long)path_payload_cap(check, device));
    }
}

void check_max_payload(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->link_count; i++) {
        struct link link = look_at_link(check, i);
        int64_t above = check_number(check, link.port->subject, KEY_MAX_PAYLOAD, 0);
        int64_t below = check_number(check, link.device->subject, KEY_MAX_PAYLOAD, 0);

        if (!above || !below || above == below)
            continue;
        check_hit(check, link.device->subject,
                  check_fact(check, link.device->subject, KEY_MAX_PAYLOAD),
                  "%lld bytes here, %lld bytes at the port above (%s)%s", (long long)below,
                  (long long)above, check->node->subjects[link.port->subject].name,
                  above > below ? ": larger packets than the device accepts" : "");
        check_hit(check, link.port->subject, check_fact(check, link.port->subject, KEY_MAX_PAYLOAD),
                  "the port above");
    }
}

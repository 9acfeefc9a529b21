#include "noise.h"

#include "base/hash.h"

#include <stdio.h>

struct rng noise_rng(const struct node_noise *noise, uint64_t purpose)
{
    return (struct rng){hash_mix(noise->seed, purpose)};
}

/* The upper 24 bits name the maker, as in real DSNs (and MACs). */
static uint64_t serial_of(const struct function *function, uint64_t value)
{
    uint64_t maker = function->type->vendor == 0x15b3   ? 0x946daeu
                     : function->type->vendor == 0x10de ? 0x48b02du
                     : function->type->vendor == 0x1000 ? 0x5c70dcu
                                                        : 0x001b21u;

    return maker << 40 | (value & 0xffffffffff);
}

static void shift_buses(const struct machine *machine, struct rng *rng, uint8_t *shifts)
{
    int root = (int)rng_below(rng, (uint64_t)machine->root_count);

    /* The board's root keeps its numbers: devices there are what firmware finds first. The gaps
     * between the models' roots leave room for three buses. */
    if (root > 0)
        shifts[root] = (uint8_t)(1 + rng_below(rng, 3));
}

void noise_make(const struct variant *variant, const struct noise_share *share, uint64_t seed,
                const char *hostname, struct node_noise *noise)
{
    const struct machine *machine = &variant->machine;
    uint8_t shifts[MACHINE_ROOTS_MAX] = {0};
    uint64_t address_shift = 0;
    struct rng rng = {seed};
    unsigned vector = 16 + (unsigned)rng_below(&rng, 8);
    unsigned group = 0, group_step = 1 + (unsigned)rng_below(&rng, 2);

    noise->seed = seed;
    noise->uptime_s = 3600 + rng_below(&rng, 40 * 86400);
    snprintf(noise->hostname, sizeof(noise->hostname), "%s", hostname);
    if (rng_unit(&rng) < share->shifted_buses)
        shift_buses(machine, &rng, shifts);
    if (rng_unit(&rng) < share->shifted_addresses)
        address_shift = (1 + rng_below(&rng, 7)) << 41;
    noise->lspci.old = rng_unit(&rng) < share->old_lspci;
    for (int i = 0; i < variant->order_count; i++) {
        int index = variant->order[i];
        const struct function *function = &machine->functions[index];
        struct config_noise *own = &noise->lspci.functions[index];
        struct rng drawn = noise_rng(noise, 0x1000 + (uint64_t)index);
        uint64_t random = rng_next(&drawn);
        int owner = function_serial_owner(machine, index);

        vector = vector >= 250 ? 16 : vector + 1 + (random & 1);
        group += i % 2 ? group_step : 1;
        *own = (struct config_noise){
            .irq = (uint8_t)vector,
            .msi_address = 0xfee00000u | (uint32_t)(random >> 8 & 0xff) << 12,
            .msi_data = (uint16_t)(random >> 16 & 0xff),
            .serial = owner == index ? serial_of(function, random >> 24)
                                     : noise->lspci.functions[owner].serial,
            .corrected = rng_unit(&drawn) < share->corrected,
            .bus_shift = shifts[function->root],
            .address_shift = address_shift,
        };
        noise->lspci.iommu_group[index] = (uint16_t)group;
    }
}

#include "model.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int machine_build(const char *name, bool lean, struct machine *machine)
{
    const struct model *model;

    if (!name)
        return -EINVAL;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        if (strcmp(model->name, name) == 0) {
            memset(machine, 0, sizeof(*machine));
            machine->model = model->name;
            model->build(machine, lean);
            return 0;
        }
    }
    return -EINVAL;
}

int machine_add(struct machine *machine, const struct function_type *type, int root, int parent,
                int device, int number, const char *name_format, ...)
{
    int index = machine->count++;
    struct function *function = &machine->functions[index];
    va_list args;

    assert(index < MACHINE_FUNCTIONS_MAX);
    *function = (struct function){
        .type = type,
        .parent = parent,
        .root = root,
        .device = (uint8_t)device,
        .number = (uint8_t)number,
        .port = (uint8_t)device,
        .numa = machine->roots[root].numa,
        .cap_speed = type->speed,
        .cap_width = type->width,
        .link_target = type->speed,
        .payload = type->payload,
        .request = type->request,
        .dev_ctl = type->dev_ctl,
        .dev_ctl2 = type->dev_ctl2,
        .acs_ctl = type->acs_ctl,
        .command = type->express == EXPRESS_INTEGRATED && !type->driver ? 0x0000 : 0x0406,
        .rev = type->rev,
    };
    if (function_is_bridge(function))
        function->command = 0x0407;
    for (int i = 0; i < 6; i++)
        function->bar_bits[i] = type->bars[i].bits;
    va_start(args, name_format);
    vsnprintf(function->name, sizeof(function->name), name_format, args);
    va_end(args);
    if (type->role == ROLE_GPU) {
        assert(machine->gpu_count < MACHINE_GPUS_MAX);
        machine->gpus[machine->gpu_count++] = index;
    }
    if (type->role == ROLE_NIC) {
        assert(machine->nic_count < MACHINE_NICS_MAX);
        machine->nics[machine->nic_count++] = index;
    }
    if (parent >= 0 && type->speed && function_is_port(&machine->functions[parent]))
        machine_train(machine, index);
    return index;
}

void machine_train(struct machine *machine, int index)
{
    const struct function *device = &machine->functions[index];
    const struct function *port = &machine->functions[device->parent];

    machine_set_link(machine, index,
                     device->cap_speed < port->cap_speed ? device->cap_speed : port->cap_speed,
                     device->cap_width < port->cap_width ? device->cap_width : port->cap_width);
}

void machine_set_link(struct machine *machine, int index, int speed, int width)
{
    int parent = machine->functions[index].parent;

    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (i == parent || (function->parent == parent && function->type->speed &&
                            function->device == machine->functions[index].device)) {
            function->link_speed = (uint8_t)speed;
            function->link_width = (uint8_t)width;
        }
    }
}

int machine_find(const struct machine *machine, const char *name)
{
    for (int i = 0; i < machine->count; i++)
        if (strcmp(machine->functions[i].name, name) == 0)
            return i;
    return -1;
}

bool function_is_port(const struct function *function)
{
    return function->type->express == EXPRESS_ROOT || function->type->express == EXPRESS_DOWN;
}

bool function_is_bridge(const struct function *function)
{
    return function_is_port(function) || function->type->express == EXPRESS_UP ||
           function->type->express == EXPRESS_TO_PCI;
}

#include "rendezvous/kv.h"

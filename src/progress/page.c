#include "progress/page.h"

// Included before everything in what is compiled for better-sqlite3. node::ObjectWrap of Node.js 24.19 and later asks for a
// cleanup hook for each object, and takes it back when the object is collected: where no JavaScript runs at that moment, that
// aborts the process (nodejs/node#65446). Without the hooks it is what it was in all releases before, whatever headers there are.
#pragma once
#include <node.h>

namespace node {
inline void NoCleanupHook(v8::Isolate*, void (*)(void*), void*) {}
}

#define AddEnvironmentCleanupHook NoCleanupHook
#define RemoveEnvironmentCleanupHook NoCleanupHook
#include <node_object_wrap.h>
#undef AddEnvironmentCleanupHook
#undef RemoveEnvironmentCleanupHook

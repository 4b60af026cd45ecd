// What the studio's page leaves at its document for tests.

import type { App } from "../../crates/studio/web/app.js";
import type { MapView } from "../../crates/studio/web/map/map.js";
import type { Editor } from "../../crates/studio/web/roll/editor.js";
import type { Tabs } from "../../crates/studio/web/ui/tabs.js";

declare global {
  interface Document {
    studio: { app: App; map: MapView; editor: Editor; tabs: Tabs };
  }
}

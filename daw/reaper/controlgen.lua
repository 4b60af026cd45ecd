-- controlgen for REAPER: new music from the selected MIDI item, next to it.
--
-- Actions > Show action list > New action > Load ReaScript: this file. It needs the program
-- `controlgen`; the first run asks where that is. docs/daw.md has more.
--
--   Vary       variations of the item at a distance
--   Mix        the item moved toward a style
--   Accompany  new voices of a style under the item
--   Continue   new bars after the item
--
-- The item goes to the program as a MIDI file that begins with the bar of its first note. Times are
-- in quarter notes of the project, so tempo changes do not matter; changes of meter are written into
-- the file. Each result becomes an item on a new track below, at the same bar. One undo point each.

local TITLE = "controlgen"
local TICKS = 960 -- per quarter note, in the file that the program gets

-- Problems ------------------------------------------------------------------------------------------

-- Stops with a message for the user.
local function refuse(text)
  error({ message = text }, 0)
end

-- Settings that REAPER keeps -----------------------------------------------------------------------

local function recall(name, default)
  local value = reaper.GetExtState(TITLE, name)
  return value ~= "" and value or default
end

local function remember(name, value)
  reaper.SetExtState(TITLE, name, value, true)
end

-- Asks for some values; returns them as strings, or nothing if the user cancels. What was typed is
-- the default of the next time.
local function ask(title, fields)
  local captions, defaults = {}, {}
  for i, field in ipairs(fields) do
    captions[i] = field.caption
    defaults[i] = recall(field.name, field.default)
  end
  -- Paths and names may have commas: lines separate the values.
  captions[#captions + 1] = "extrawidth=200"
  captions[#captions + 1] = "separator=\n"
  local ok, answer = reaper.GetUserInputs(
    title, #fields, table.concat(captions, ","), table.concat(defaults, "\n")
  )
  if not ok then
    return nil
  end
  local values, at = {}, 1
  for value in (answer .. "\n"):gmatch("(.-)\n") do
    if fields[at] then
      values[fields[at].name] = value
      remember(fields[at].name, value)
    end
    at = at + 1
  end
  return values
end

-- A menu at the mouse; returns the number of the entry, or 0.
local function menu(entries)
  local clean = {}
  for i, entry in ipairs(entries) do
    -- These have a meaning at the start of an entry, and lines separate entries.
    clean[i] = entry:gsub("|", "/"):gsub("^[#!<>]+", "")
  end
  gfx.init(TITLE, 0, 0)
  gfx.x, gfx.y = gfx.mouse_x, gfx.mouse_y
  local chosen = gfx.showmenu(table.concat(clean, "|"))
  gfx.quit()
  return chosen
end

-- JSON, as the program prints it -------------------------------------------------------------------

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function decode_json(text)
  local at = 1
  local value

  local function skip()
    at = text:find("%S", at) or #text + 1
  end

  local function expect(symbol)
    skip()
    if text:sub(at, at) ~= symbol then
      refuse("The program's answer can't be read at byte " .. at .. ":\n" .. text:sub(1, 300))
    end
    at = at + 1
  end

  local function string_value()
    expect('"')
    local parts = {}
    while true do
      local plain, stop = text:match('^([^"\\]*)(["\\])', at)
      if not plain then
        refuse("The program's answer ends within a string.")
      end
      parts[#parts + 1] = plain
      at = at + #plain + 1
      if stop == '"' then
        return table.concat(parts)
      end
      local escape = text:sub(at, at)
      at = at + 1
      if escape == "u" then
        local code = tonumber(text:sub(at, at + 3), 16)
        at = at + 4
        local low = text:match("^\\u([dD][c-fC-F]%x%x)", at)
        if code >= 0xD800 and code < 0xDC00 and low then
          code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
          at = at + 6
        end
        parts[#parts + 1] = utf8.char(code)
      else
        parts[#parts + 1] = ESCAPES[escape] or escape
      end
    end
  end

  -- The values up to a closing bracket; `one` reads a value into the table.
  local function values(close, one)
    local found = {}
    at = at + 1
    skip()
    if text:sub(at, at) == close then
      at = at + 1
      return found
    end
    while true do
      one(found)
      skip()
      local symbol = text:sub(at, at)
      at = at + 1
      if symbol == close then
        return found
      elseif symbol ~= "," then
        at = at - 1
        expect(close)
      end
    end
  end

  function value()
    skip()
    local first = text:sub(at, at)
    if first == "{" then
      return values("}", function(found)
        skip()
        local key = string_value()
        expect(":")
        found[key] = value()
      end)
    elseif first == "[" then
      return values("]", function(found)
        found[#found + 1] = value()
      end)
    elseif first == '"' then
      return string_value()
    end
    local word = text:match("^[%w%.%+%-]+", at)
    if not word then
      expect("a value")
    end
    at = at + #word
    if word == "true" then
      return true
    elseif word == "false" or word == "null" then
      return false
    end
    return tonumber(word)
  end

  return value()
end

-- MIDI files ---------------------------------------------------------------------------------------

local function variable_length(number)
  local bytes = string.char(number & 0x7F)
  number = number >> 7
  while number > 0 do
    bytes = string.char(0x80 | (number & 0x7F)) .. bytes
    number = number >> 7
  end
  return bytes
end

-- The bytes of a file with one track. Notes are in quarter notes from its start; `measures` are the
-- bars that it covers, with their meters.
local function write_midi(notes, measures, qpm)
  local events = {}
  local function add(tick, order, bytes)
    events[#events + 1] = { tick = tick, order = order, number = #events, bytes = bytes }
  end
  local function ticks(quarters)
    return math.floor(quarters * TICKS + 0.5)
  end
  -- What MIDI can hold.
  local microseconds = math.max(1, math.min(0xFFFFFF, math.floor(60e6 / qpm + 0.5)))
  add(0, 0, "\xFF\x51" .. string.pack(">s1", string.pack(">I3", microseconds)))
  local previous
  for _, measure in ipairs(measures) do
    local signature = measure.numerator .. "/" .. measure.denominator
    if signature ~= previous then
      local power = 0
      while 1 << power < measure.denominator do
        power = power + 1
      end
      local bytes = string.char(measure.numerator, power, 24, 8)
      add(ticks(measure.start), 0, "\xFF\x58" .. string.pack(">s1", bytes))
      previous = signature
    end
  end
  for _, note in ipairs(notes) do
    local start = ticks(note.start)
    -- Ends come before starts of the same tick, but no note ends where it starts.
    local stop = math.max(ticks(note.stop), start + 1)
    add(start, 2, string.char(0x90 | note.channel, note.pitch, math.max(1, note.velocity)))
    add(stop, 1, string.char(0x80 | note.channel, note.pitch, 64))
  end
  table.sort(events, function(a, b)
    if a.tick ~= b.tick then
      return a.tick < b.tick
    elseif a.order ~= b.order then
      return a.order < b.order
    end
    return a.number < b.number
  end)
  local track, now = {}, 0
  for _, event in ipairs(events) do
    track[#track + 1] = variable_length(event.tick - now) .. event.bytes
    now = event.tick
  end
  track[#track + 1] = "\0\xFF\x2F\0"
  local body = table.concat(track)
  return "MThd" .. string.pack(">I4I2I2I2", 6, 0, 1, TICKS) .. "MTrk" .. string.pack(">s4", body)
end

-- The notes of a file that the program wrote, in quarter notes from its start, and its length.
local function read_midi(data)
  if data:sub(1, 4) ~= "MThd" then
    refuse("The program wrote something that is not a MIDI file.")
  end
  local header, _, n_tracks, division = string.unpack(">I4I2I2I2", data, 5)
  local notes, length, at = {}, 0, 9 + header
  for _ = 1, n_tracks do
    local size = string.unpack(">I4", data, at + 4)
    local stop = at + 8 + size
    at = at + 8
    local now, status, sounding = 0, 0, {}
    local function number()
      local value, byte = 0, 0x80
      while byte & 0x80 ~= 0 do
        byte = data:byte(at)
        at = at + 1
        value = value << 7 | byte & 0x7F
      end
      return value
    end
    while at < stop do
      now = now + number()
      if data:byte(at) & 0x80 ~= 0 then
        status = data:byte(at)
        at = at + 1
      end
      local kind, channel = status & 0xF0, status & 0x0F
      if status == 0xFF then
        at = at + 1
        at = at + number()
      elseif kind == 0xF0 then
        at = at + number()
      else
        local first, second = data:byte(at, at + 1)
        at = at + ((kind == 0xC0 or kind == 0xD0) and 1 or 2)
        local key = channel << 7 | first
        if kind == 0x90 and second > 0 then
          local note = {
            start = now / division, stop = now / division,
            pitch = first, velocity = second, channel = channel,
          }
          notes[#notes + 1] = note
          sounding[key] = sounding[key] or {}
          table.insert(sounding[key], note)
        elseif (kind == 0x80 or kind == 0x90) and sounding[key] and sounding[key][1] then
          table.remove(sounding[key], 1).stop = now / division
        end
      end
    end
    length = math.max(length, now / division)
    at = stop
  end
  return notes, length
end

-- The project --------------------------------------------------------------------------------------

-- The bar with a number, in quarter notes of the project.
local function measure_at(number)
  local _, start, stop, numerator, denominator = reaper.TimeMap_GetMeasureInfo(0, number)
  return { start = start, stop = stop, numerator = numerator, denominator = denominator }
end

-- The notes of the selected item from the bar of its first note on, that bar, and those up to its
-- end.
local function selected_tune()
  local item = reaper.GetSelectedMediaItem(0, 0)
  local take = item and reaper.GetActiveTake(item)
  if not take or not reaper.TakeIsMIDI(take) then
    refuse("Select a MIDI item first.")
  end
  local from = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local first_qn = reaper.TimeMap2_timeToQN(0, from)
  local until_time = from + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
  local last_qn = reaper.TimeMap2_timeToQN(0, until_time)
  local notes, earliest = {}, math.huge
  local _, n_notes = reaper.MIDI_CountEvts(take)
  for i = 0, n_notes - 1 do
    local _, _, muted, start, stop, channel, pitch, velocity = reaper.MIDI_GetNote(take, i)
    local from_qn = reaper.MIDI_GetProjQNFromPPQPos(take, start)
    local to_qn = math.min(reaper.MIDI_GetProjQNFromPPQPos(take, stop), last_qn)
    -- Notes that the item's edges hide are not heard.
    if not muted and from_qn >= first_qn - 1e-6 and from_qn < last_qn - 1e-6 then
      notes[#notes + 1] = {
        start = from_qn, stop = to_qn, pitch = pitch, velocity = velocity, channel = channel,
      }
      earliest = math.min(earliest, from_qn)
    end
  end
  if #notes == 0 then
    refuse("No note sounds in the selected item.")
  end
  -- A note a hair before a bar line belongs to the bar after it.
  local _, number = reaper.TimeMap2_timeToBeats(0, reaper.TimeMap2_QNToTime(0, earliest + 1e-3))
  local measures = {}
  repeat
    measures[#measures + 1] = measure_at(number + #measures)
  until measures[#measures].stop >= last_qn - 1e-6
  local origin = measures[1].start
  for _, note in ipairs(notes) do
    note.start, note.stop = math.max(0, note.start - origin), note.stop - origin
  end
  for _, measure in ipairs(measures) do
    measure.start, measure.stop = measure.start - origin, measure.stop - origin
  end
  local quarter = reaper.TimeMap2_QNToTime(0, origin + 1) - reaper.TimeMap2_QNToTime(0, origin)
  local qpm = 60 / quarter
  return { item = item, notes = notes, measures = measures, origin = origin, qpm = qpm }
end

-- Where a bar of the tune's file begins, from 1, in quarter notes; beyond its end the last meter goes
-- on.
local function bar_start(measures, bar)
  local measure = measures[bar]
  if measure then
    return measure.start
  end
  local last = measures[#measures]
  return last.stop + (bar - #measures - 1) * (last.stop - last.start)
end

-- Lays notes on a new track below the tune's.
local function lay(tune, name, notes, from, to, below)
  local track = reaper.GetMediaItem_Track(tune.item)
  local index = math.floor(reaper.GetMediaTrackInfo_Value(track, "IP_TRACKNUMBER")) + below
  reaper.InsertTrackAtIndex(index, true)
  local new = reaper.GetTrack(0, index)
  reaper.GetSetMediaTrackInfo_String(new, "P_NAME", name, true)
  local start = reaper.TimeMap2_QNToTime(0, tune.origin + from)
  local stop = reaper.TimeMap2_QNToTime(0, tune.origin + to)
  local item = reaper.CreateNewMIDIItemInProj(new, start, stop, false)
  local take = reaper.GetActiveTake(item)
  for _, note in ipairs(notes) do
    local first = reaper.MIDI_GetPPQPosFromProjQN(take, tune.origin + note.start)
    local last = reaper.MIDI_GetPPQPosFromProjQN(take, tune.origin + math.min(note.stop, to))
    reaper.MIDI_InsertNote(
      take, false, false, first, last, note.channel, note.pitch, note.velocity, true
    )
  end
  reaper.MIDI_Sort(take)
end

-- The program --------------------------------------------------------------------------------------

-- An argument in quotes; the command line has no way to hold a quotation mark within.
local function quoted(text)
  if text:find('"') then
    refuse('`"` is not allowed in: ' .. text)
  end
  return '"' .. text .. '"'
end

-- Runs the program; returns its answer. Its messages are shown if it fails.
local function run(words)
  local program = recall("program", "controlgen")
  local line = { quoted(program), "--json" }
  for _, word in ipairs(words) do
    line[#line + 1] = quoted(word)
  end
  line = table.concat(line, " ")
  local answer = reaper.ExecProcess(line, 0)
  local code, output = (answer or ""):match("^(%-?%d+)\r?\n(.*)$")
  if not code then
    remember("program", "")
    refuse("The program can't be run: " .. program .. "\nThe next run asks where it is.")
  elseif tonumber(code) ~= 0 then
    local said = output:match("%S") and "The program says:\n" .. output
    refuse(said or "The program failed. This says why in a terminal:\n" .. line)
  end
  -- Remarks for people may come before the answer, on lines of their own.
  local start = output:find("^[%[{]") or (output:find("\n[%[{]") or 0) + 1
  return decode_json(output:sub(start))
end

-- Asks for a style of the model; returns its name.
local function choose_style()
  local answer = run({ "style", "list", "--model", recall("model", "poly") })
  local names, entries = {}, {}
  for i, style in ipairs(answer.styles) do
    names[i] = style.name
    local words = style.card and table.concat(style.card.words, ", ") or ""
    entries[i] = words == "" and style.name or style.name .. ": " .. words
  end
  return names[menu(entries)]
end

-- The folder of the files that are exchanged with the program.
local function folder()
  local path = reaper.GetResourcePath() .. "/Data/controlgen"
  reaper.RecursiveCreateDirectory(path, 0)
  return path
end

local COMMON = {
  { name = "model", caption = "Model (poly or a folder)", default = "poly" },
  { name = "seed", caption = "Seed (empty: another each time)", default = "" },
}

-- Fields of a command, with those that all have.
local function fields(own)
  for _, field in ipairs(COMMON) do
    own[#own + 1] = field
  end
  return own
end

-- What each entry of the menu does: the fields it asks for, whether it needs a style, and the
-- program's words for them.
local ACTIONS = {
  {
    name = "Vary",
    fields = fields({
      { name = "distance", caption = "Distance (1.4: unrelated)", default = "0.5" },
      { name = "n", caption = "Versions", default = "2" },
    }),
    words = function(values)
      return { "similar", "--distance", values.distance, "-n", values.n }
    end,
  },
  {
    name = "Mix toward a style",
    fields = fields({
      { name = "strength", caption = "Strength (1: all style)", default = "0.5" },
    }),
    needs_style = true,
    words = function(values, style)
      return { "mix", "--strength", values.strength, "--style", style }
    end,
  },
  {
    name = "Accompany in a style",
    fields = fields({ { name = "n", caption = "Versions", default = "2" } }),
    needs_style = true,
    words = function(values, style)
      return { "accompany", "--alone", "-n", values.n, "--style", style }
    end,
  },
  {
    name = "Continue",
    fields = fields({
      { name = "bars", caption = "Bars", default = "8" },
      { name = "n", caption = "Versions", default = "1" },
    }),
    words = function(values)
      return { "continue", "--bars", values.bars, "-n", values.n }
    end,
  },
}

-- The written files of an answer, each with the first new bar if it has one.
local function results(answer)
  if answer.mix then
    return { answer.mix }
  end
  return answer
end

local function main()
  if recall("program", "") == "" then
    local field = { name = "program", caption = "Path of controlgen", default = "controlgen" }
    if not ask(TITLE, { field }) then
      return
    end
  end
  local tune = selected_tune()
  local names = {}
  for i, action in ipairs(ACTIONS) do
    names[i] = action.name
  end
  local action = ACTIONS[menu(names)]
  local values = action and ask(action.name, action.fields)
  if not values then
    return
  end
  local style = action.needs_style and choose_style()
  if action.needs_style and not style then
    return
  end
  local path = folder() .. "/item.mid"
  local file = io.open(path, "wb")
  if not file then
    refuse("The item can't be written to " .. path)
  end
  file:write(write_midi(tune.notes, tune.measures, tune.qpm))
  file:close()
  local words = action.words(values, style)
  table.insert(words, 2, path)
  -- A new seed each time; whole seconds are too coarse for two runs in a row.
  local seed = values.seed ~= "" and values.seed or tostring(math.floor(reaper.time_precise() * 1000))
  for _, word in ipairs({ "--model", values.model, "--seed", seed, "-o", folder() .. "/new" }) do
    words[#words + 1] = word
  end
  local found = results(run(words))
  local items = {}
  for i, result in ipairs(found) do
    local written = io.open(result.file, "rb")
    if not written then
      refuse("The program's file is not there: " .. result.file)
    end
    local notes, to = read_midi(written:read("a"))
    written:close()
    local from = 0
    if result.from_bar then
      from = bar_start(tune.measures, result.from_bar)
      local new = {}
      for _, note in ipairs(notes) do
        if note.start >= from - 1e-3 then
          new[#new + 1] = note
        end
      end
      notes, to = new, math.max(to, bar_start(tune.measures, result.from_bar + result.n_bars))
    end
    items[i] = { notes = notes, from = from, to = to }
  end
  reaper.Undo_BeginBlock()
  reaper.PreventUIRefresh(1)
  for i, item in ipairs(items) do
    local name = action.name .. (style and ": " .. style or "") .. " " .. i
    lay(tune, name, item.notes, item.from, item.to, i - 1)
  end
  reaper.PreventUIRefresh(-1)
  reaper.Undo_EndBlock(TITLE .. ": " .. action.name, -1)
  reaper.UpdateArrange()
end

local ok, problem = pcall(main)
if not ok then
  local text = type(problem) == "table" and problem.message or "A bug: " .. tostring(problem)
  reaper.ShowMessageBox(text, TITLE, 0)
end

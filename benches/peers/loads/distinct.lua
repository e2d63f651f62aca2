-- 50,000 distinct files in random order, the same order for every server.
local requests = {}

function init()
  math.randomseed(42)
  for number = 0, 49999 do
    local path = string.format("/many/%02d/%03d.html", math.floor(number / 500), number % 500)
    requests[number] = wrk.format("GET", path)
  end
end

function request()
  return requests[math.random(0, 49999)]
end
